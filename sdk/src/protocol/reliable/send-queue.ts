/** Bytes waiting to be sent or acknowledged, addressed by their offset in the stream. No byte is copied on entry. */
export class SendQueue {
  #chunks: Uint8Array[] = [];
  /** Stream offset of the first byte still held; plain number, exact up to 2^53. */
  #start = 0;
  #end = 0;

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#end += bytes.length;
  }

  /** Copies [offset, offset + length); the range must be held. */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let at = this.#start;
    let filled = 0;
    for (const chunk of this.#chunks) {
      const chunkEnd = at + chunk.length;
      if (chunkEnd > offset && filled < length) {
        const from = Math.max(0, offset - at);
        const piece = chunk.subarray(from, from + (length - filled));
        bytes.set(piece, filled);
        filled += piece.length;
      }
      at = chunkEnd;
      if (filled === length) break;
    }
    return bytes;
  }

  /** Forgets everything before `offset`. */
  release(offset: number): void {
    while (this.#chunks.length > 0 && this.#start + this.#chunks[0].length <= offset) {
      this.#start += this.#chunks[0].length;
      this.#chunks.shift();
    }
    if (this.#chunks.length > 0 && offset > this.#start) {
      this.#chunks[0] = this.#chunks[0].subarray(offset - this.#start);
      this.#start = offset;
    }
  }
}
