/**
 * xoshiro128** (Blackman and Vigna, 2018), seeded by splitmix32: 32-bit integer operations only, so a seed gives the
 * same numbers on every machine and engine.
 */

/** One splitmix32 step of `state` (any uint32). */
function splitmix32(state: number): number {
  let z = (state + 0x9e3779b9) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** `stream` gives independent sequences for one seed, for example one per image. Both are taken modulo 2^32. */
  constructor(seed: number, stream = 0) {
    this.a = splitmix32(seed >>> 0);
    this.b = splitmix32((this.a ^ (stream >>> 0)) >>> 0);
    this.c = splitmix32((this.b + 0x632be5ab) >>> 0);
    this.d = splitmix32((this.c ^ Math.imul(stream, 0x9e3779b1)) >>> 0) | 1; // never all zero
  }

  /** The next uint32. */
  next(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.b, 5), 7), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = rotateLeft(this.d, 11);
    return result;
  }

  /** An integer in 0..bound-1, bound at most 65,536 (multiply and shift: the bias is below 2^-16). */
  below(bound: number): number {
    return Math.floor(((this.next() >>> 8) * bound) / 0x1000000);
  }

  /** An integer in low..high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** A multiple of 2^-24 in [0, 1). */
  fraction(): number {
    return (this.next() >>> 8) / 0x1000000;
  }

  /** A multiple of 2^-24 times the width, in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.fraction();
  }

  /** True in `numerator` of `denominator` cases. */
  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }
}
