/**
 * Golomb codes of numbers 0 .. 2^bits - 1 (S. W. Golomb, "Run-length encodings", IEEE Trans. Inf. Theory 12(3), 1966) for the
 * divisors 2^k (Rice codes) and 3 * 2^j: half octaves. A number n writes its quotient q = floor(n / divisor), then the
 * remainder as a truncated binary code: for 3 * 2^j first its upper part 0, 1 or 2 as 0, 10 or 11.
 *
 * Quotients are q ones and a zero, for numbers that get rarer by a constant factor; or *flat*, for bell-shaped ones: 0, 1, 2
 * in two bits (least significant first), from 3 on two ones, then q - 3 ones and a zero. The largest quotient that occurs has
 * no zero behind its ones. From a quotient of 12 on, the ones of 12 and the number itself in `bits` stand instead.
 */
import type { BitReader, BitWriter } from "../ans/bit-stream.js";

export interface GolombDivisor {
  /** 1 or 3 times 2^low. */
  readonly odd: 1 | 3;
  /** Bits of the remainder that are written as they are. */
  readonly low: number;
  readonly flat: boolean;
}

const LONGEST = 12;
/** Flat quotients below this take two bits. */
const FLAT = 3;

/** Divisors 1, 2, 3, 4, 6, 8, 12 ... 256; there is no 1.5. */
export const halfOctaves = (flat: boolean): readonly GolombDivisor[] =>
  Array.from({ length: 16 }, (_, index) => {
    if (index === 0) return { odd: 1, low: 0, flat };
    return index % 2 === 1 ? { odd: 1, low: (index + 1) / 2, flat } : { odd: 3, low: index / 2 - 1, flat };
  });

/** Divisors 1, 2, 4 ... 128. */
export const octaves: readonly GolombDivisor[] = Array.from({ length: 8 }, (_, low) => {
  return { odd: 1, low, flat: false };
});

function largestQuotient({ odd, low }: GolombDivisor, bits: number): number {
  return Math.min(LONGEST, Math.floor((((1 << bits) - 1) >> low) / odd));
}

/** Ones of a quotient behind the two bits of a flat one, and bits before them. */
function quotientCode(quotient: number, { flat }: GolombDivisor): { fixed: number; ones: number } {
  if (!flat) return { fixed: 0, ones: quotient };
  return { fixed: 2, ones: Math.max(0, quotient - FLAT) };
}

/** Whether a zero ends the ones. */
function isClosed(quotient: number, largest: number, { flat }: GolombDivisor): boolean {
  return quotient < largest && (!flat || quotient >= FLAT);
}

/** Bits that `value` takes. */
export function golombBits(value: number, divisor: GolombDivisor, bits: number): number {
  const { odd, low } = divisor;
  const upper = value >> low;
  const largest = largestQuotient(divisor, bits);
  const quotient = Math.min(LONGEST, Math.floor(upper / odd));
  const { fixed, ones } = quotientCode(quotient, divisor);
  const prefix = fixed + ones + (isClosed(quotient, largest, divisor) ? 1 : 0);
  if (quotient === LONGEST) return prefix + bits;
  return prefix + (odd === 1 ? 0 : upper % 3 === 0 ? 1 : 2) + low;
}

export function writeGolomb(out: BitWriter, value: number, divisor: GolombDivisor, bits: number): void {
  const { odd, low } = divisor;
  const upper = value >> low;
  const largest = largestQuotient(divisor, bits);
  const quotient = Math.min(LONGEST, Math.floor(upper / odd));
  const { fixed, ones } = quotientCode(quotient, divisor);
  out.write(Math.min(quotient, FLAT), fixed);
  out.write((1 << ones) - 1, ones + (isClosed(quotient, largest, divisor) ? 1 : 0));
  if (quotient === LONGEST) {
    out.write(value, bits);
    return;
  }
  if (odd === 3) {
    const part = upper % 3;
    if (part === 0) out.write(0, 1);
    else out.write(part === 1 ? 0b01 : 0b11, 2);
  }
  out.write(value, low);
}

/** May be beyond 2^bits - 1 in a damaged stream. */
export function readGolomb(reader: BitReader, divisor: GolombDivisor, bits: number): number {
  const { odd, low, flat } = divisor;
  const largest = largestQuotient(divisor, bits);
  let quotient = flat ? reader.read(2) : 0;
  if (!flat || quotient === FLAT) while (quotient < largest && reader.read(1) === 1) quotient += 1;
  if (quotient === LONGEST) return reader.read(bits);
  const part = odd === 3 && reader.read(1) === 1 ? 1 + reader.read(1) : 0;
  return ((quotient * odd + part) << low) | reader.read(low);
}
