/** Bytes that arrive before there are frames, read in exact numbers. */
import { ProtocolError } from "@sluice/sdk/errors.js";

/** Far more than any greeting; a stranger cannot make this end hold more. */
const MOST_BYTES = 64 * 1024;

export class ByteInbox {
  #bytes = new Uint8Array(0);
  #ended: Error | undefined;
  #wake: (() => void) | undefined;

  push(bytes: Uint8Array): void {
    if (this.#bytes.length + bytes.length > MOST_BYTES) {
      this.end(
        new ProtocolError("frame-too-long", "The other end sends before it was asked to.", {
          expected: "a greeting",
          found: `more than ${MOST_BYTES} bytes`,
        }),
      );
      return;
    }
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#wake?.();
  }

  /** Nothing more will come; what is there can still be read. */
  end(reason: Error): void {
    this.#ended ??= reason;
    this.#wake?.();
  }

  get ended(): Error | undefined {
    return this.#ended;
  }

  /** The first `count` bytes, which stay. @throws what `end` was called with */
  async peek(count: number): Promise<Uint8Array> {
    while (this.#bytes.length < count) {
      if (this.#ended) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return this.#bytes.subarray(0, count);
  }

  async read(count: number): Promise<Uint8Array> {
    const bytes = await this.peek(count);
    this.#bytes = this.#bytes.subarray(count);
    return bytes;
  }

  /** Everything that has arrived. */
  takeRest(): Uint8Array {
    const rest = this.#bytes;
    this.#bytes = new Uint8Array(0);
    return rest;
  }
}
