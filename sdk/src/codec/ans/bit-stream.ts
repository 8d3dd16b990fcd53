/** Bits in and out of bytes, least significant first, as in docs/formats/weight-stream.md. */
import { CodecError } from "../../errors.js";

export class BitWriter {
  private bytes = new Uint8Array(64);
  private bitLength = 0;

  /** Appends the low `width` bits of `value`, 0..32. */
  write(value: number, width: number): void {
    const needed = (this.bitLength + width + 7) >>> 3;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    for (let bit = 0; bit < width; bit += 1) {
      if ((value >>> bit) & 1) this.bytes[this.bitLength >>> 3] |= 1 << (this.bitLength & 7);
      this.bitLength += 1;
    }
  }

  /** Exp-Golomb of order k: n zeros, a one, n + k bits. */
  writeExpGolomb(value: number, k: number): void {
    let n = 0;
    while (((1 << (n + 1)) - 1) << k <= value) n += 1;
    this.write(0, n);
    this.write(1, 1);
    this.write(value - (((1 << n) - 1) << k), n + k);
  }

  writeSignedExpGolomb(value: number, k: number): void {
    this.writeExpGolomb(zigzag(value), k);
  }

  /** Fills up with zeros to a multiple of `multiple` bits. */
  align(multiple: number): void {
    while (this.bitLength % multiple !== 0) this.write(0, 1);
  }

  /** The bytes so far, the last one filled up with zeros. */
  toBytes(): Uint8Array {
    return this.bytes.slice(0, (this.bitLength + 7) >>> 3);
  }

  get bits(): number {
    return this.bitLength;
  }
}

export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

export function unzigzag(value: number): number {
  return value & 1 ? -((value + 1) >> 1) : value >> 1;
}

/** Bits `writeExpGolomb` takes. */
export function expGolombBits(value: number, k: number): number {
  let n = 0;
  while (((1 << (n + 1)) - 1) << k <= value) n += 1;
  return 2 * n + 1 + k;
}

const LONGEST_PREFIX = 12;

export class BitReader {
  private position = 0;

  /** `truncated` is the code of the error thrown when the bytes end early. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly place: string,
    private readonly truncated = "truncated",
    private readonly corrupt = "corrupt",
  ) {}

  read(width: number): number {
    if (this.position + width > this.bytes.length * 8) {
      throw new CodecError(this.truncated, `The ${this.place} ends early.`, {
        place: `bit ${this.position} of the ${this.place}`,
        expected: `${width} more bits`,
        found: `${this.bytes.length * 8 - this.position} bits`,
      });
    }
    let value = 0;
    for (let bit = 0; bit < width; bit += 1) {
      if ((this.bytes[this.position >>> 3] >>> (this.position & 7)) & 1) value |= 1 << bit;
      this.position += 1;
    }
    return width === 32 ? value >>> 0 : value;
  }

  readSigned(width: number): number {
    return (this.read(width) << (32 - width)) >> (32 - width);
  }

  readExpGolomb(k: number): number {
    let n = 0;
    while (this.read(1) === 0) {
      n += 1;
      if (n > LONGEST_PREFIX) this.fail("an Exp-Golomb prefix of at most 12 zeros", "more");
    }
    return (((1 << n) - 1) << k) + this.read(n + k);
  }

  readSignedExpGolomb(k: number): number {
    const value = this.readExpGolomb(k);
    return unzigzag(value);
  }

  /** Skips to a multiple of `multiple` bits; what is skipped must be zero. */
  align(multiple: number): void {
    const padding = (multiple - (this.position % multiple)) % multiple;
    if (this.read(padding) !== 0) this.fail("zero padding", "a set bit");
  }

  fail(expected: string, found: string): never {
    throw new CodecError(this.corrupt, `The ${this.place} is damaged.`, {
      place: `bit ${this.position} of the ${this.place}`,
      expected,
      found,
    });
  }

  get bytePosition(): number {
    return this.position >>> 3;
  }
}
