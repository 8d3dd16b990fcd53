/**
 * The interrupt line of a device that runs in this process: at most one waiter, who is woken when the line rises, when
 * his deadline passes or when the device is closed. The UIO twin is uio-interrupt.ts.
 */
import { DeviceError } from "@sluice/sdk/errors.js";

const REGISTER_BYTES = 4;

export class InterruptLine {
  #wake?: () => void;
  #closed = false;

  /**
   * Resolves at once when `raised()` already holds, otherwise when `rise` is called.
   * @param deadlineMs wall-clock milliseconds
   * @throws {DeviceError} `closed`, `busy` (someone waits already), `interrupt-timeout`
   */
  async wait(deadlineMs: number, raised: () => boolean): Promise<void> {
    this.checkOpen();
    if (this.#wake) {
      throw new DeviceError("busy", "Someone already waits for the interrupt.", {
        hint: "Run one program at a time.",
      });
    }
    if (raised()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wake = undefined;
        reject(
          new DeviceError("interrupt-timeout", "The overlay's interrupt did not come in time.", {
            expected: `an interrupt within ${Math.round(deadlineMs)} ms`,
            found: "none",
          }),
        );
      }, deadlineMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        if (this.#closed) reject(closedError());
        else resolve();
      };
    });
  }

  rise(): void {
    this.#wake?.();
  }

  /** Whoever waits gets `closed`, and so does everyone after. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  get closed(): boolean {
    return this.#closed;
  }

  checkOpen(): void {
    if (this.#closed) throw closedError();
  }
}

/** @throws {DeviceError} `bad-register` unless `offset` (bytes) is a word's */
export function checkRegisterOffset(offset: number): void {
  if (Number.isInteger(offset) && offset >= 0 && offset % REGISTER_BYTES === 0) return;
  throw new DeviceError("bad-register", "Registers are words at multiples of four.", {
    found: String(offset),
  });
}

function closedError(): DeviceError {
  return new DeviceError("closed", "The device has been closed.", { hint: "Open it again." });
}
