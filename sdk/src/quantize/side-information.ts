/**
 * What a package must hold beside the codes: a scale and a bias per output channel, as a stream of bits that gives
 * exactly these numbers back. Its length is what "everything counted" counts.
 *
 * Per layer (bits least significant first, Exp-Golomb as in docs/formats/weight-stream.md):
 *   1 bit   all scales are equal: one follows instead of one per channel
 *   1 bit   scales lie on 2^(i/8)
 *     yes:  i of the first as 12-bit two's complement, 4 bits k, i less the first's as signed Exp-Golomb of order k
 *     no:   each 8-bit exponent in two's complement and 11 bits of mantissa
 *   8 bits  exponent of the biases' unit, two's complement; 4 bits k; each bias in units as signed Exp-Golomb of order k
 */
import { BitReader, BitWriter, expGolombBits, zigzag } from "../codec/ans/bit-stream.js";
import { GraphError } from "../errors.js";

/** Steps of a coarse scale per factor of two: 4.4 % at most, far below the error of codes of one or two bits. */
const STEPS_PER_OCTAVE = 8;
const SCALE_MANTISSA_BITS = 11;
const SCALE_MANTISSA = 2 ** SCALE_MANTISSA_BITS;
const LARGEST_BIAS = 2 ** 15 - 1;
/** Units per root mean square of a layer's coarse biases, at least. */
const UNITS_PER_RMS = 16;
const LARGEST_ORDER = 15;

export interface ScalesAndBiases {
  /** Positive; one per output channel. */
  readonly scale: Float64Array;
  readonly bias: Float64Array;
}

/** How scales and biases are rounded before they are kept. */
export interface SideRounding {
  readonly scale: (scale: number) => number;
  readonly bias: (bias: Float64Array) => Float64Array;
}

/** A positive scale with 12 significant bits, the first of them implied. */
export function roundScale(scale: number): number {
  const unit = 2 ** Math.floor(Math.log2(scale)) / SCALE_MANTISSA;
  return Math.round(scale / unit) * unit;
}

/** The nearest 2^(i/8). */
export function roundScaleCoarsely(scale: number): number {
  return coarseScale(Math.round(STEPS_PER_OCTAVE * Math.log2(scale)));
}

function coarseScale(index: number): number {
  const octave = Math.floor(index / STEPS_PER_OCTAVE);
  return 2 ** ((index - octave * STEPS_PER_OCTAVE) / STEPS_PER_OCTAVE) * 2 ** octave;
}

/** Biases as 16-bit multiples of one power of two. */
export function roundBiases(bias: Float64Array): Float64Array {
  let largest = 0;
  for (const value of bias) largest = Math.max(largest, Math.abs(value));
  return largest === 0 ? bias : toUnits(bias, 2 ** Math.ceil(Math.log2(largest / LARGEST_BIAS)));
}

/** Biases as multiples of a power of two, 1/32 to 1/16 of their root mean square. */
export function roundBiasesCoarsely(bias: Float64Array): Float64Array {
  const power = bias.reduce((sum, value) => sum + value * value, 0) / Math.max(1, bias.length);
  return power === 0 ? bias : toUnits(bias, 2 ** Math.floor(Math.log2(Math.sqrt(power) / UNITS_PER_RMS)));
}

/** Scales with 12 significant bits, 16-bit biases. */
export const preciseSide: SideRounding = { scale: roundScale, bias: roundBiases };
/** For codes of few bits: about 4 bits a scale and 6 a bias. */
export const coarseSide: SideRounding = { scale: roundScaleCoarsely, bias: roundBiasesCoarsely };
/** For scales that are powers of two already. */
export const exactSide: SideRounding = { scale: (scale) => scale, bias: roundBiases };

function toUnits(bias: Float64Array, unit: number): Float64Array {
  return bias.map((value) => Math.round(value / unit) * unit + 0);
}

/** @throws {GraphError} `bad-side-information` for numbers that neither rounding above gives */
export function encodeSideInformation(layers: Iterable<ScalesAndBiases>): Uint8Array {
  const writer = new BitWriter();
  for (const { scale, bias } of layers) {
    const shared = scale.every((value) => value === scale[0]);
    const written = shared ? scale.subarray(0, 1) : scale;
    const indices = Int32Array.from(written, (value) => Math.round(STEPS_PER_OCTAVE * Math.log2(value)));
    const coarse = written.every((value, index) => value === coarseScale(indices[index]));
    writer.write(shared ? 1 : 0, 1);
    writer.write(coarse ? 1 : 0, 1);
    if (coarse) {
      writer.write(indices[0], 12);
      writeSigned(
        writer,
        indices.subarray(1).map((index) => index - indices[0]),
      );
    } else for (const value of written) writeScale(writer, value);
    const exponent = unitExponent(bias);
    writer.write(exponent, 8);
    writeSigned(
      writer,
      Int32Array.from(bias, (value) => value / 2 ** exponent),
    );
  }
  return writer.toBytes();
}

/** @param outputs channels of each layer. @throws {CodecError} on a damaged stream */
export function decodeSideInformation(bytes: Uint8Array, outputs: readonly number[]): ScalesAndBiases[] {
  const reader = new BitReader(bytes, "side information");
  return outputs.map((count) => {
    const shared = reader.read(1) === 1;
    const coarse = reader.read(1) === 1;
    const scales = shared ? 1 : count;
    const scale = new Float64Array(count);
    if (coarse) {
      const first = reader.readSigned(12);
      scale[0] = coarseScale(first);
      const order = reader.read(4);
      for (let o = 1; o < scales; o += 1) scale[o] = coarseScale(first + reader.readSignedExpGolomb(order));
    } else for (let o = 0; o < scales; o += 1) scale[o] = readScale(reader);
    if (shared) scale.fill(scale[0]);
    const unit = 2 ** reader.readSigned(8);
    const order = reader.read(4);
    const bias = Float64Array.from({ length: count }, () => reader.readSignedExpGolomb(order) * unit);
    return { scale, bias };
  });
}

function writeScale(writer: BitWriter, value: number): void {
  const exponent = Math.floor(Math.log2(value));
  const mantissa = (value / 2 ** exponent - 1) * SCALE_MANTISSA;
  if (!Number.isInteger(mantissa) || exponent < -128 || exponent > 127) refuse("scale", value);
  writer.write(exponent, 8);
  writer.write(mantissa, SCALE_MANTISSA_BITS);
}

function readScale(reader: BitReader): number {
  const exponent = reader.readSigned(8);
  return (1 + reader.read(SCALE_MANTISSA_BITS) / SCALE_MANTISSA) * 2 ** exponent;
}

/** The largest power of two that every bias is a multiple of. */
function unitExponent(bias: Float64Array): number {
  let largest = 0;
  for (const value of bias) largest = Math.max(largest, Math.abs(value));
  if (largest === 0) return 0;
  let exponent = Math.ceil(Math.log2(largest));
  while (exponent > -128 && bias.some((value) => !Number.isInteger(value / 2 ** exponent))) exponent -= 1;
  if (largest / 2 ** exponent > LARGEST_BIAS + 1) refuse("bias", largest);
  return exponent;
}

function writeSigned(writer: BitWriter, values: Int32Array): void {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let order = 0; order <= LARGEST_ORDER; order += 1) {
    const bits = values.reduce((sum, value) => sum + expGolombBits(zigzag(value), order), 0);
    if (bits >= least) continue;
    least = bits;
    best = order;
  }
  writer.write(best, 4);
  for (const value of values) writer.writeSignedExpGolomb(value, best);
}

function refuse(what: string, value: number): never {
  throw new GraphError("bad-side-information", `A ${what} has more digits than a package keeps.`, {
    expected: "a value that the rounding of side information gives",
    found: String(value),
    hint: "Round scales and biases before counting them.",
  });
}
