/** A serial port as it is: bytes may be lost or damaged, so the reliable link goes on top (reliable.ts). */
import { TransportError } from "@sluice/sdk/errors.js";
import { SerialPort } from "serialport";
import type { Transport, TransportHandlers } from "./transport.js";

/** The KV260 carrier's UART, 8N1. */
export const DEFAULT_BAUD = 115_200;

export interface SerialAddress {
  /** "/dev/ttyUSB1", better "/dev/serial/by-id/usb-Xilinx_ML_Carrier_Card_...-if01-port0", which never moves. */
  readonly path: string;
  /** Default DEFAULT_BAUD. */
  readonly baud?: number;
}

const LOCK_MS = 300;
const LOCK_RETRY_MS = 20;
/** Start bit, eight data bits, stop bit. */
const BITS_PER_BYTE = 10;

export class SerialTransport implements Transport {
  readonly kind = "serial";
  readonly reliable = false;
  readonly bytesPerSecond: number;
  readonly highWaterBytes = 4_096;
  readonly #path: string;
  readonly #baud: number;
  #port: SerialPort | undefined;
  #handlers: TransportHandlers | undefined;
  #failure: TransportError | undefined;
  #closing: Promise<void> | undefined;
  #backlog = 0;
  #bytesSent = 0;
  #bytesReceived = 0;

  constructor({ path, baud = DEFAULT_BAUD }: SerialAddress) {
    this.#path = path;
    this.#baud = baud;
    this.bytesPerSecond = baud / BITS_PER_BYTE;
  }

  describe(): string {
    return `serial ${this.#path} at ${this.#baud} baud`;
  }

  async open(handlers: TransportHandlers, deadlineMs: number): Promise<void> {
    const port = new SerialPort({ path: this.#path, baudRate: this.#baud, autoOpen: false });
    await this.#openUnlocked(port, deadlineMs);
    this.#port = port;
    this.#handlers = handlers;
    port.on("data", (bytes: Buffer) => {
      this.#bytesReceived += bytes.length;
      handlers.data(bytes);
    });
    port.on("error", (cause: Error) => this.#lost(cause));
    port.on("close", (cause: Error | null) => {
      if (cause) this.#lost(cause);
      this.#finish();
    });
  }

  send(bytes: Uint8Array): void {
    const port = this.#port;
    if (port === undefined || !port.isOpen || bytes.length === 0) return;
    this.#backlog += bytes.length;
    port.write(bytes, (cause?: Error | null) => {
      this.#backlog -= bytes.length;
      if (cause) {
        this.#lost(cause);
        return;
      }
      this.#bytesSent += bytes.length;
      this.#handlers?.drain();
    });
  }

  get backlog(): number {
    return this.#backlog;
  }

  get counters() {
    return { bytesSent: this.#bytesSent, bytesReceived: this.#bytesReceived };
  }

  close(): Promise<void> {
    // Whoever closes after another waits for the same end: the port can be opened again when it has come.
    this.#closing ??= this.#closePort();
    return this.#closing;
  }

  async #closePort(): Promise<void> {
    const port = this.#port;
    if (port?.isOpen) {
      // Whoever wants the last bytes to arrive has waited for the backlog; a dead line must not hold us here.
      await new Promise<void>((resolve) => port.flush(() => port.close(() => resolve())));
    }
    this.#finish();
  }

  /** A port that was closed a moment ago stays locked until the kernel has finished its last read. */
  async #openUnlocked(port: SerialPort, deadlineMs: number): Promise<void> {
    const lastTryAt = performance.now() + Math.min(LOCK_MS, deadlineMs);
    for (;;) {
      try {
        return await this.#openPort(port, deadlineMs);
      } catch (error) {
        const locked = error instanceof TransportError && error.code === "port-in-use";
        if (!locked || performance.now() > lastTryAt) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
    }
  }

  #openPort(port: SerialPort, deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        port.close(() => undefined);
        reject(
          new TransportError("timeout", `The serial port ${this.#path} does not open.`, {
            place: this.describe(),
            expected: `an open port within ${deadlineMs} ms`,
            hint: "Unplug the USB cable and plug it in again.",
          }),
        );
      }, deadlineMs);
      port.open((cause) => {
        clearTimeout(timer);
        if (cause) reject(openError(this.#path, this.describe(), cause));
        else resolve();
      });
    });
  }

  #lost(cause: Error): void {
    this.#failure ??= new TransportError("disconnected", "The serial port is gone.", {
      place: this.describe(),
      found: cause.message,
      hint: "Check the USB cable and the board's power, then run the command again; what had arrived is kept.",
      cause,
    });
    void this.close();
  }

  #finish(): void {
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.closed(this.#failure);
  }
}

function openError(path: string, place: string, cause: Error): TransportError {
  const facts = { place, found: cause.message, cause };
  const { message } = cause;
  if (/No such file|ENOENT|No such device|ENXIO/i.test(message)) {
    return new TransportError("no-such-port", `There is no serial port ${path}.`, {
      ...facts,
      hint: "Check the USB cable; `sluice boards` lists the ports it finds.",
    });
  }
  if (/Permission denied|EACCES/i.test(message)) {
    return new TransportError("permission", `This user may not open ${path}.`, {
      ...facts,
      hint: "Add the user to the group that owns the port (usually `dialout`), then log in again.",
    });
  }
  if (/lock|busy|EBUSY|temporarily unavailable/i.test(message)) {
    return new TransportError("port-in-use", `Another program has ${path} open.`, {
      ...facts,
      hint: "Close the terminal program or the other host that uses the port.",
    });
  }
  return new TransportError("refused", `The serial port ${path} cannot be opened.`, {
    ...facts,
    hint: "Check that this is a serial port.",
  });
}

/** "PATH" or "PATH:BAUD". */
export function parseSerialAddress(text: string): SerialAddress {
  const match = /^(.+):(\d{3,8})$/.exec(text);
  return match ? { path: match[1], baud: Number(match[2]) } : { path: text };
}
