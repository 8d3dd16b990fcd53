/**
 * Stages A and B (sdk/src/overlay/program.ts) on accumulators of 8 channels, exact.
 *
 * The fast path works in doubles: with |acc * M| < 2^52 the product, its scaling by 2^-shift and the addition of one half
 * are all exact, so floor, nearest and trunc round as the integers would. `limit` bounds |acc| such that this holds and
 * y fits into 31 bits; a pixel with a larger accumulator takes the 64-bit integer path.
 */

// Offsets in the parameter block of 8 channels (bitstreams/src/emulator/wasm/parameter-block.ts writes it).
const SCALE_A: usize = 0;
const MULTIPLIER: usize = 192;
const SHIFT_A: usize = 224;
const SHIFT_B: usize = 232;
const LIMIT: usize = 240;
const MASK: usize = 248;

// Offsets in the descriptor of one output.
const ROUNDING_A: usize = 0;
const KIND_B: usize = 4;
const CLAMP_Y: usize = 8;
const Y_MIN: usize = 12;
const Y_MAX: usize = 16;
const ZERO_POINT: usize = 20;
const CODE_MIN: usize = 24;
const CODE_MAX: usize = 28;
const SCALE_B: usize = 32;
const TABLE: usize = 36;
const EXACT_TABLE: usize = 40;
const EXACT_ROUNDING_B: usize = 44;
const EXACT_ZERO_POINT: usize = 48;
const EXACT_CODE_MIN: usize = 52;
const EXACT_CODE_MAX: usize = 56;

// Rounding codes as in the command, and what follows stage A.
const HALF_UP = 0;
const HALF_EVEN = 1;
const NO_STAGE_B = 3;
const LOOK_UP = 4;

/** Adding this leaves the integer in the low 32 bits of the double, rounded half to even. */
const MAGIC: f64 = 6755399441055744.0;

export function requantize(
  accumulators: usize,
  pixels: i32,
  outputOffsets: usize,
  output: usize,
  block: usize,
  descriptor: usize,
): void {
  const roundingA = load<i32>(descriptor, ROUNDING_A);
  if (roundingA == HALF_UP) withRoundingA(HALF_UP, accumulators, pixels, outputOffsets, output, block, descriptor);
  else if (roundingA == HALF_EVEN) {
    withRoundingA(HALF_EVEN, accumulators, pixels, outputOffsets, output, block, descriptor);
  } else withRoundingA(2, accumulators, pixels, outputOffsets, output, block, descriptor);
}

@inline
function withRoundingA(
  roundingA: i32,
  accumulators: usize,
  pixels: i32,
  offsets: usize,
  output: usize,
  block: usize,
  descriptor: usize,
): void {
  const clampY = load<i32>(descriptor, CLAMP_Y) != 0;
  switch (load<i32>(descriptor, KIND_B)) {
    case 0:
      if (clampY) pixelLoop(roundingA, 0, true, accumulators, pixels, offsets, output, block, descriptor);
      else pixelLoop(roundingA, 0, false, accumulators, pixels, offsets, output, block, descriptor);
      break;
    case 1:
      if (clampY) pixelLoop(roundingA, 1, true, accumulators, pixels, offsets, output, block, descriptor);
      else pixelLoop(roundingA, 1, false, accumulators, pixels, offsets, output, block, descriptor);
      break;
    case 2:
      if (clampY) pixelLoop(roundingA, 2, true, accumulators, pixels, offsets, output, block, descriptor);
      else pixelLoop(roundingA, 2, false, accumulators, pixels, offsets, output, block, descriptor);
      break;
    case NO_STAGE_B:
      pixelLoop(roundingA, NO_STAGE_B, false, accumulators, pixels, offsets, output, block, descriptor);
      break;
    default:
      pixelLoop(roundingA, LOOK_UP, false, accumulators, pixels, offsets, output, block, descriptor);
  }
}

@inline
function pixelLoop(
  roundingA: i32,
  kindB: i32,
  clampY: bool,
  accumulators: usize,
  pixels: i32,
  offsets: usize,
  output: usize,
  block: usize,
  descriptor: usize,
): void {
  const a0 = v128.load(block, SCALE_A);
  const a1 = v128.load(block, SCALE_A + 16);
  const a2 = v128.load(block, SCALE_A + 32);
  const a3 = v128.load(block, SCALE_A + 48);
  const scaleB = block + <usize>load<u32>(descriptor, SCALE_B);
  const b0 = v128.load(scaleB);
  const b1 = v128.load(scaleB, 16);
  const b2 = v128.load(scaleB, 32);
  const b3 = v128.load(scaleB, 48);
  const limit = i32x4.splat(load<i32>(block, LIMIT));
  const least = i32x4.neg(limit);
  const yMin = load<i32>(descriptor, Y_MIN);
  const yMax = load<i32>(descriptor, Y_MAX);
  const lowY = f64x2.splat(<f64>yMin);
  const highY = f64x2.splat(<f64>yMax);
  const lowY16 = i16x8.splat(<i16>max(yMin, -32768));
  const highY16 = i16x8.splat(<i16>min(yMax, 32767));
  const zeroPoint = i16x8.splat(<i16>load<i32>(descriptor, ZERO_POINT));
  const codeMin = i16x8.splat(<i16>load<i32>(descriptor, CODE_MIN));
  const codeMax = i16x8.splat(<i16>load<i32>(descriptor, CODE_MAX));
  const mask = v128.load_splat<u64>(block, MASK);
  const table = <usize>load<u32>(descriptor, TABLE);
  const magic = f64x2.splat(MAGIC);
  let at = accumulators;
  const end = accumulators + (<usize>pixels << 5);
  let offset = offsets;
  while (at < end) {
    const low = v128.load(at);
    const high = v128.load(at, 16);
    const target = output + <usize>load<u32>(offset);
    const beyond = v128.or(
      v128.or(i32x4.gt_s(low, limit), i32x4.gt_s(high, limit)),
      v128.or(i32x4.lt_s(low, least), i32x4.lt_s(high, least)),
    );
    if (v128.any_true(beyond)) {
      exactPixel(at, target, block, descriptor);
    } else {
      const r0 = integer(roundingA, kindB, clampY, f64x2.convert_low_i32x4_s(low), a0, b0, lowY, highY, magic);
      const r1 = integer(roundingA, kindB, clampY, upper(low), a1, b1, lowY, highY, magic);
      const r2 = integer(roundingA, kindB, clampY, f64x2.convert_low_i32x4_s(high), a2, b2, lowY, highY, magic);
      const r3 = integer(roundingA, kindB, clampY, upper(high), a3, b3, lowY, highY, magic);
      let codes = i16x8.narrow_i32x4_s(
        v128.shuffle<i32>(r0, r1, 0, 2, 4, 6),
        v128.shuffle<i32>(r2, r3, 0, 2, 4, 6),
      );
      if (kindB >= NO_STAGE_B) codes = i16x8.min_s(i16x8.max_s(codes, lowY16), highY16);
      if (kindB == LOOK_UP) {
        store<u64>(target, lookUp(i16x8.sub(codes, lowY16), table) & load<u64>(block, MASK));
      } else {
        codes = i16x8.add_sat_s(codes, zeroPoint);
        codes = i16x8.min_s(i16x8.max_s(codes, codeMin), codeMax);
        const bytes = v128.and(i8x16.narrow_i16x8_s(codes, codes), mask);
        v128.store_lane<i64>(target, bytes, 0);
      }
    }
    at += 32;
    offset += 4;
  }
}

@inline
function upper(values: v128): v128 {
  return f64x2.convert_low_i32x4_s(v128.shuffle<i32>(values, values, 2, 3, 2, 3));
}

/** Both stages; the result is in the low 32 bits of each double. */
@inline
function integer(
  roundingA: i32,
  kindB: i32,
  clampY: bool,
  accumulator: v128,
  scaleA: v128,
  scaleB: v128,
  lowY: v128,
  highY: v128,
  magic: v128,
): v128 {
  let value = f64x2.mul(accumulator, scaleA);
  if (kindB >= NO_STAGE_B) {
    if (roundingA != HALF_EVEN) value = round(roundingA, value);
    return f64x2.add(value, magic);
  }
  value = round(roundingA, value);
  if (clampY) value = f64x2.pmin(highY, f64x2.pmax(lowY, value));
  value = f64x2.mul(value, scaleB);
  if (kindB != HALF_EVEN) value = round(kindB, value);
  return f64x2.add(value, magic);
}

@inline
function round(rounding: i32, value: v128): v128 {
  if (rounding == HALF_UP) return f64x2.floor(f64x2.add(value, f64x2.splat(0.5)));
  if (rounding == HALF_EVEN) return f64x2.nearest(value);
  const half = v128.or(v128.and(value, f64x2.splat(-0.0)), f64x2.splat(0.5));
  return f64x2.trunc(f64x2.add(value, half));
}

@inline
function lookUp(indices: v128, table: usize): u64 {
  return (
    <u64>load<u8>(table + <usize>i16x8.extract_lane_u(indices, 0)) |
    (<u64>load<u8>(table + <usize>i16x8.extract_lane_u(indices, 1)) << 8) |
    (<u64>load<u8>(table + <usize>i16x8.extract_lane_u(indices, 2)) << 16) |
    (<u64>load<u8>(table + <usize>i16x8.extract_lane_u(indices, 3)) << 24) |
    (<u64>load<u8>(table + <usize>i16x8.extract_lane_u(indices, 4)) << 32) |
    (<u64>load<u8>(table + <usize>i16x8.extract_lane_u(indices, 5)) << 40) |
    (<u64>load<u8>(table + <usize>i16x8.extract_lane_u(indices, 6)) << 48) |
    (<u64>load<u8>(table + <usize>i16x8.extract_lane_u(indices, 7)) << 56)
  );
}

/** One pixel in 64-bit integers, for any accumulator and multiplier. */
function exactPixel(accumulators: usize, target: usize, block: usize, descriptor: usize): void {
  const roundingA = load<i32>(descriptor, ROUNDING_A);
  const yMin = <i64>load<i32>(descriptor, Y_MIN);
  const yMax = <i64>load<i32>(descriptor, Y_MAX);
  const table = <usize>load<u32>(descriptor, EXACT_TABLE);
  for (let lane: usize = 0; lane < 8; lane += 1) {
    const product = <i64>load<i32>(accumulators + (lane << 2)) * <i64>load<i32>(block + (lane << 2), MULTIPLIER);
    let y = roundShift(product, <i64>load<u8>(block + lane, SHIFT_A), roundingA);
    y = min(max(y, yMin), yMax);
    let code: i64;
    if (table != 0) {
      code = <i64>load<i8>(table + <usize>(y - yMin));
    } else {
      code = roundShift(y, <i64>load<u8>(block + lane, SHIFT_B), load<i32>(descriptor, EXACT_ROUNDING_B));
      code += <i64>load<i32>(descriptor, EXACT_ZERO_POINT);
      code = min(max(code, <i64>load<i32>(descriptor, EXACT_CODE_MIN)), <i64>load<i32>(descriptor, EXACT_CODE_MAX));
    }
    store<u8>(target + lane, <u8>code & load<u8>(block + lane, MASK));
  }
}

function roundShift(value: i64, shift: i64, rounding: i32): i64 {
  if (shift == 0) return value;
  const floor = value >> shift;
  const rest = value - (floor << shift);
  const half = <i64>1 << (shift - 1);
  if (rest < half) return floor;
  if (rest > half || rounding == HALF_UP) return floor + 1;
  if (rounding == HALF_EVEN) return floor + (floor & 1);
  return value < 0 ? floor : floor + 1;
}
