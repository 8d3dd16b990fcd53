/**
 * A serial cable without hardware: two pseudo-terminals whose masters are joined in this process. Each end opens its
 * path with serialport as it would a real port; the cable between them carries N baud, damages bytes, or is cut.
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import koffi from "koffi";

const BITS_PER_BYTE = 10;
/** Bytes the cable holds before it stops reading: what a UART's own buffer would. */
const CABLE_BUFFER = 256;
const TICK_MS = 4;

export interface CableOptions {
  /** Bits a second on the line; ten to a byte. Absent: as fast as it goes. */
  readonly baud?: number;
  /** Probability that a byte arrives changed. */
  readonly corrupt?: number;
  /** Uniform in [0, 1); decides which bytes are damaged. Needed with `corrupt`. */
  readonly random?: () => number;
}

export interface Cable {
  /** What to give to serialport, one for each end. */
  readonly paths: readonly [string, string];
  /** Bytes that went into the cable at each end. */
  readonly carried: readonly [number, number];
  /** Nothing gets through any more; bytes sent meanwhile are lost. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

interface Master {
  readonly descriptor: number;
  readonly path: string;
  /** Keeps the terminal alive while neither end has it open. */
  readonly slave: number;
}

export function makeCable(options: CableOptions = {}): Cable {
  const masters = [openMaster(), openMaster()] as const;
  let isCut = false;
  const lanes = [
    new Lane(masters[0], masters[1], options, () => isCut),
    new Lane(masters[1], masters[0], options, () => isCut),
  ] as const;
  return {
    paths: [masters[0].path, masters[1].path],
    get carried() {
      return [lanes[0].carried, lanes[1].carried] as const;
    },
    cut() {
      isCut = true;
    },
    mend() {
      isCut = false;
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane.close()));
      for (const { slave } of masters) closeSync(slave);
    },
  };
}

/** One direction. */
class Lane {
  readonly #to: Master;
  readonly #options: CableOptions;
  readonly #isCut: () => boolean;
  readonly #stream: ReadStream;
  readonly #timer: NodeJS.Timeout | undefined;
  #queue: Buffer[] = [];
  #queued = 0;
  #budgetAt = performance.now();
  #budget = 0;
  #stuck: Uint8Array = new Uint8Array(0);
  carried = 0;

  constructor(from: Master, to: Master, options: CableOptions, isCut: () => boolean) {
    this.#to = to;
    this.#options = options;
    this.#isCut = isCut;
    this.#stream = new ReadStream(from.descriptor);
    this.#stream.on("data", (bytes: Buffer) => this.#take(bytes));
    this.#stream.on("error", () => this.#stream.destroy());
    if (options.baud !== undefined) this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#stream.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#stream.once("close", () => resolve());
      this.#stream.destroy();
    });
  }

  #take(bytes: Buffer): void {
    if (this.#options.baud === undefined) {
      this.#put(bytes);
      return;
    }
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    if (this.#queued >= CABLE_BUFFER) this.#stream.pause();
  }

  #tick(): void {
    const now = performance.now();
    const rate = (this.#options.baud ?? 0) / BITS_PER_BYTE / 1_000;
    // An idle line saves nothing up, except what a late timer still owes.
    const idle = this.#queued === 0;
    this.#budget = idle ? 0 : this.#budget + (now - this.#budgetAt) * rate;
    this.#budgetAt = now;
    while (this.#queue.length > 0 && this.#budget >= 1) {
      const [first] = this.#queue;
      const count = Math.min(first.length, Math.floor(this.#budget));
      this.#put(first.subarray(0, count));
      this.#budget -= count;
      this.#queued -= count;
      if (count === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(count);
    }
    if (this.#queued < CABLE_BUFFER) this.#stream.resume();
  }

  #put(bytes: Uint8Array): void {
    this.carried += bytes.length;
    if (this.#isCut()) return;
    const { corrupt, random } = this.#options;
    const arriving =
      corrupt && random
        ? bytes.map((byte) => (random() < corrupt ? byte ^ (1 + Math.floor(random() * 255)) : byte))
        : bytes;
    this.#write(this.#stuck.length === 0 ? arriving : Buffer.concat([this.#stuck, arriving]));
  }

  #write(bytes: Uint8Array): void {
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#to.descriptor, bytes, done);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code !== "EAGAIN") return; // the reader is gone, as with a real cable
      this.#retry();
    }
    this.#stuck = bytes.slice(done);
  }

  /** The reader is slow: a real UART would overrun; this cable waits, so that only chosen bytes are lost. */
  #retry(): void {
    this.#stream.pause();
    setTimeout(() => {
      this.#write(this.#stuck);
      if (this.#stuck.length === 0) this.#stream.resume();
    }, 1);
  }
}

const libc = koffi.load("libc.so.6");
const posixOpenpt = libc.func("int posix_openpt(int)");
const grantpt = libc.func("int grantpt(int)");
const unlockpt = libc.func("int unlockpt(int)");
const ptsname = libc.func("const char *ptsname(int)");

function openMaster(): Master {
  const descriptor: number = posixOpenpt(constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  if (descriptor < 0 || grantpt(descriptor) !== 0 || unlockpt(descriptor) !== 0) {
    throw new Error("this system has no pseudo-terminals");
  }
  const path: string = ptsname(descriptor);
  const slave = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  return { descriptor, path, slave };
}
