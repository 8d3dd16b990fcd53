/** CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in RFC 3720 appendix B.4. */
const POLYNOMIAL = 0x82f6_3b78;
const SLICES = 8;

/** Slice n at element n: the CRC of a byte followed by n zero bytes. */
export const crc32cTables: readonly Uint32Array[] = buildTables();

function buildTables(): Uint32Array[] {
  const slices = Array.from({ length: SLICES }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    slices[0][byte] = crc;
  }
  for (let byte = 0; byte < 256; byte += 1) {
    for (let slice = 1; slice < SLICES; slice += 1) {
      const previous = slices[slice - 1][byte];
      slices[slice][byte] = (previous >>> 8) ^ slices[0][previous & 0xff];
    }
  }
  return slices;
}

const [t0, t1, t2, t3, t4, t5, t6, t7] = crc32cTables;

/** Continues from `previous`, the result of an earlier call (0 to start). Returns an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  const sliced = bytes.length - (bytes.length % SLICES);
  let at = 0;
  // Eight bytes a step (slicing-by-8): about six times faster than one.
  for (; at < sliced; at += SLICES) {
    const low = crc ^ (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
    crc =
      t7[low & 0xff] ^
      t6[(low >>> 8) & 0xff] ^
      t5[(low >>> 16) & 0xff] ^
      t4[low >>> 24] ^
      t3[bytes[at + 4]] ^
      t2[bytes[at + 5]] ^
      t1[bytes[at + 6]] ^
      t0[bytes[at + 7]];
  }
  for (; at < bytes.length; at += 1) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}

/**
 * The CRC of two byte strings joined, from the CRC of each and the length of the second: CRCs are remainders modulo the
 * polynomial, so appending n bytes multiplies the first by x^(8 n).
 */
export function crc32cCombine(first: number, second: number, secondLength: number): number {
  let factor = 0x8000_0000; // 1, in reflected order
  let square = 0x0080_0000; // x^8
  for (let left = secondLength; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) factor = multiply(factor, square);
    square = multiply(square, square);
  }
  return (multiply(first, factor) ^ second) >>> 0;
}

/** Product of two polynomials in reflected order, modulo the CRC's. */
function multiply(left: number, right: number): number {
  let product = 0;
  let shifted = right;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((left >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product;
}
