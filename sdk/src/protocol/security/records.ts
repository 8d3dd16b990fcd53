/**
 * Sealed records: what protects links other than TCP after both ends proved themselves. docs/security.md.
 *
 *   offset  bytes  field
 *        0      2  length of the sealed bytes, little-endian, 1 to 16,384
 *        2      n  AES-256-GCM (NIST SP 800-38D), the length as additional data
 *    2 + n     16  tag
 *
 * The nonce is the number of the record in its direction, which is not sent: a record that is repeated, missing, out of
 * order, from the other direction or from another connection does not open. Nothing is handed on before its tag was
 * right.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { SecurityError } from "../../errors.js";

export const MAX_RECORD = 16_384;
export const RECORD_OVERHEAD = 18;
const HEADER_BYTES = 2;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const CIPHER = "aes-256-gcm";

/** The count of one direction's records as the nonce they are sealed with. */
class RecordNonce {
  readonly bytes = new Uint8Array(NONCE_BYTES);
  readonly #view = new DataView(this.bytes.buffer);
  #next = 0;

  advance(): Uint8Array {
    this.#view.setUint32(4, Math.floor(this.#next / 2 ** 32));
    this.#view.setUint32(8, this.#next % 2 ** 32);
    this.#next += 1;
    return this.bytes;
  }

  get count(): number {
    return this.#next;
  }
}

export class RecordSealer {
  readonly #key: Uint8Array;
  readonly #recordBytes: number;
  readonly #nonce = new RecordNonce();

  /** @param recordBytes most plain bytes of one record */
  constructor(key: Uint8Array, recordBytes: number) {
    this.#key = key;
    this.#recordBytes = Math.min(MAX_RECORD, recordBytes);
  }

  /** The records that carry `bytes`, back to back. */
  seal(bytes: Uint8Array): Uint8Array {
    const records = Math.ceil(bytes.length / this.#recordBytes);
    const sealed = new Uint8Array(bytes.length + records * RECORD_OVERHEAD);
    let at = 0;
    for (let from = 0; from < bytes.length; from += this.#recordBytes) {
      const part = bytes.subarray(from, from + this.#recordBytes);
      const header = sealed.subarray(at, at + HEADER_BYTES);
      header[0] = part.length & 0xff;
      header[1] = part.length >> 8;
      const cipher = createCipheriv(CIPHER, this.#key, this.#nonce.advance(), { authTagLength: TAG_BYTES });
      cipher.setAAD(header);
      sealed.set(cipher.update(part), at + HEADER_BYTES);
      cipher.final();
      sealed.set(cipher.getAuthTag(), at + HEADER_BYTES + part.length);
      at += part.length + RECORD_OVERHEAD;
    }
    return sealed;
  }
}

export class RecordOpener {
  readonly #key: Uint8Array;
  readonly #nonce = new RecordNonce();
  readonly #record = new Uint8Array(MAX_RECORD + RECORD_OVERHEAD);
  #filled = 0;
  #broken = false;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Records that opened so far. */
  get count(): number {
    return this.#nonce.count;
  }

  /**
   * Takes the stream in whatever pieces it comes; holds at most one record.
   * @param onPlain the content of each record that proved right
   * @throws {SecurityError} `tampered`; everything after it is ignored
   */
  push(bytes: Uint8Array, onPlain: (plain: Uint8Array) => void): void {
    let at = 0;
    while (!this.#broken && at < bytes.length) {
      const take = Math.min(this.#need() - this.#filled, bytes.length - at);
      this.#record.set(bytes.subarray(at, at + take), this.#filled);
      this.#filled += take;
      at += take;
      if (this.#filled === HEADER_BYTES) this.#checkLength();
      else if (this.#filled === this.#need()) {
        this.#filled = 0;
        onPlain(this.#open());
      }
    }
  }

  get #length(): number {
    return this.#record[0] | (this.#record[1] << 8);
  }

  #need(): number {
    return this.#filled < HEADER_BYTES ? HEADER_BYTES : this.#length + RECORD_OVERHEAD;
  }

  #checkLength(): void {
    if (this.#length >= 1 && this.#length <= MAX_RECORD) return;
    throw this.#tampered(`a record of ${this.#length} bytes`);
  }

  #open(): Uint8Array {
    const length = this.#length;
    const nonce = this.#nonce.advance();
    const decipher = createDecipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(this.#record.subarray(0, HEADER_BYTES));
    decipher.setAuthTag(this.#record.subarray(HEADER_BYTES + length, length + RECORD_OVERHEAD));
    const plain = decipher.update(this.#record.subarray(HEADER_BYTES, HEADER_BYTES + length));
    try {
      decipher.final();
    } catch (cause) {
      throw this.#tampered(`record ${this.#nonce.count} does not open`, cause);
    }
    return plain;
  }

  #tampered(found: string, cause?: unknown): SecurityError {
    this.#broken = true;
    return new SecurityError(
      "tampered",
      "What arrived on this link is not what the other end sent: changed, repeated, out of order or forged.",
      {
        expected: "the next record, sealed by the other end",
        found,
        hint: "Nothing of it was used. Check who has access to this link, then connect again.",
        cause,
      },
    );
  }
}
