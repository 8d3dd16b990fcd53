/**
 * The overlay's interrupt through UIO: a write of 1 arms the node, the kernel disarms it when the interrupt comes, and a
 * read gives the count. A count left over from an earlier run is recognised by the overlay's own pending bit.
 */
import { closeSync, constants, readSync, writeSync } from "node:fs";
import { DeviceError } from "@sluice/sdk/errors.js";
import { type BoardFiles, errnoOf, type UioNode } from "../board-files/index.js";
import { whenReadable } from "../board-files/native.js";

const ARM = Uint8Array.of(1, 0, 0, 0);
const COUNT_BYTES = 4;

export class UioInterrupt {
  readonly #descriptor: number;
  readonly #place: string;
  /** Is the overlay's IRQ_STATUS set? */
  readonly #pending: () => boolean;
  #stopWaiting?: () => void;
  #closed = false;

  /** @throws {LoaderError} `permission-denied`, `no-such-node` */
  constructor(files: BoardFiles, node: UioNode, pending: () => boolean) {
    this.#descriptor = files.open(node.path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
    this.#place = node.path;
    this.#pending = pending;
  }

  /** @throws {DeviceError} `interrupt-timeout`, `busy`, `closed` */
  wait(deadlineMs: number): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#stopWaiting) {
      return Promise.reject(
        new DeviceError("busy", "Someone already waits for the interrupt.", {
          hint: "Run one program at a time.",
        }),
      );
    }
    return new Promise((resolve, reject) => {
      let watch: { stop(): void } | undefined;
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        watch?.stop();
        this.#stopWaiting = undefined;
        finish();
      };
      const timer = setTimeout(() => settle(() => reject(this.#timeout(deadlineMs))), deadlineMs);
      this.#stopWaiting = () => settle(() => reject(closedError()));
      const listen = (): void => {
        writeSync(this.#descriptor, ARM);
        watch = whenReadable(this.#descriptor, () => {
          try {
            if (this.#takeCount() && this.#pending()) settle(resolve);
            else listen();
          } catch (error) {
            settle(() => reject(error));
          }
        });
      };
      try {
        listen();
      } catch (error) {
        settle(() => reject(error));
      }
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWaiting?.();
    closeSync(this.#descriptor);
  }

  #takeCount(): boolean {
    try {
      return readSync(this.#descriptor, new Uint8Array(COUNT_BYTES)) === COUNT_BYTES;
    } catch (error) {
      if (errnoOf(error) === "EAGAIN") return false;
      throw error;
    }
  }

  #timeout(deadlineMs: number): DeviceError {
    const finished = this.#pending();
    return new DeviceError("interrupt-timeout", "The overlay's interrupt did not come in time.", {
      place: this.#place,
      expected: `an interrupt within ${Math.round(deadlineMs)} ms`,
      found: finished ? "none, although IRQ_STATUS is set" : "none",
      hint: finished
        ? "The overlay did raise it: the interrupt number in the device-tree overlay is wrong."
        : "Run `sluice-board doctor`.",
    });
  }
}

function closedError(): DeviceError {
  return new DeviceError("closed", "The device has been closed.", { hint: "Open it again." });
}
