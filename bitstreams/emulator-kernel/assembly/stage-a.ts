/**
 * Stage A (sdk/src/overlay/program.ts) on accumulators [pixel][8], in place and exact: acc becomes y, an int32.
 * Three forms; bitstreams/src/emulator/wasm/stage-forms.ts chooses.
 */

// Rounding codes as in the command.
const HALF_UP = 0;
const HALF_EVEN = 1;
const HALF_AWAY = 2;

/**
 * For multipliers of one: a shift by the same 1..30 bits in every lane. Needs |acc| + 2^(shift - 1) < 2^31.
 */
export function stageAShift(accumulators: usize, pixels: i32, shift: i32, rounding: i32): void {
  if (rounding == HALF_UP) shiftLoop(HALF_UP, accumulators, pixels, shift);
  else if (rounding == HALF_EVEN) shiftLoop(HALF_EVEN, accumulators, pixels, shift);
  else shiftLoop(HALF_AWAY, accumulators, pixels, shift);
}

@inline
function shiftLoop(rounding: i32, accumulators: usize, pixels: i32, shift: i32): void {
  const half = i32x4.splat((1 << (shift - 1)) - (rounding == HALF_EVEN ? 1 : 0));
  const one = i32x4.splat(1);
  const end = accumulators + (<usize>pixels << 5);
  for (let at = accumulators; at < end; at += 16) {
    v128.store(at, shiftVector(rounding, v128.load(at), shift, half, one));
  }
}

/** `half` is 2^(shift - 1), less one for half-even. */
@inline
export function shiftVector(rounding: i32, value: v128, shift: i32, half: v128, one: v128): v128 {
  if (rounding == HALF_UP) return i32x4.shr_s(i32x4.add(value, half), shift);
  if (rounding == HALF_EVEN) {
    // One less than a half, plus one when the quotient below is odd: ties go to the even neighbour.
    const odd = v128.and(i32x4.shr_s(value, shift), one);
    return i32x4.shr_s(i32x4.add(i32x4.add(value, half), odd), shift);
  }
  // A negative tie must go down: one less before adding the half.
  return i32x4.shr_s(i32x4.add(i32x4.add(value, i32x4.shr_s(value, 31)), half), shift);
}

/**
 * For half-up with the same shift, 1..32, in every lane and |multiplier| < 2^shift: 64-bit products. Of the shifted
 * product only the low 32 bits are kept, and y fits, so the sign need not be shifted in.
 */
export function stageAProduct(accumulators: usize, pixels: i32, multipliers: usize, shift: i32): void {
  const m0 = v128.load(multipliers);
  const m1 = v128.load(multipliers, 16);
  const half = i64x2.splat(<i64>1 << (<i64>shift - 1));
  const end = accumulators + (<usize>pixels << 5);
  for (let at = accumulators; at < end; at += 32) {
    v128.store(at, productVector(v128.load(at), m0, half, shift));
    v128.store(at, productVector(v128.load(at, 16), m1, half, shift), 16);
  }
}

@inline
function productVector(value: v128, multipliers: v128, half: v128, shift: i32): v128 {
  const low = i64x2.shr_u(i64x2.add(i64x2.extmul_low_i32x4_s(value, multipliers), half), shift);
  const high = i64x2.shr_u(i64x2.add(i64x2.extmul_high_i32x4_s(value, multipliers), half), shift);
  return v128.shuffle<i32>(low, high, 0, 2, 4, 6);
}

/** Adding this leaves the integer in the low 32 bits of the double, rounded half to even. */
export const MAGIC: f64 = 6755399441055744.0;

/**
 * For everything else: in doubles, where |acc * M| < 2^52 makes the product, its scaling by 2^-shift and the addition
 * of one half exact, so that floor, nearest and trunc round as the integers would. `limit` bounds |acc| such that this
 * holds and y fits into 31 bits; a pixel with a larger accumulator takes the 64-bit integer path and saturates.
 *
 * @param scales      8 doubles, M * 2^-shift
 * @param multipliers 8 int32
 * @param shifts      8 bytes, 0..62
 */
export function stageADouble(
  accumulators: usize,
  pixels: i32,
  scales: usize,
  multipliers: usize,
  shifts: usize,
  limit: i32,
  rounding: i32,
): void {
  if (rounding == HALF_UP) doubleLoop(HALF_UP, accumulators, pixels, scales, multipliers, shifts, limit);
  else if (rounding == HALF_EVEN) doubleLoop(HALF_EVEN, accumulators, pixels, scales, multipliers, shifts, limit);
  else doubleLoop(HALF_AWAY, accumulators, pixels, scales, multipliers, shifts, limit);
}

@inline
function doubleLoop(
  rounding: i32,
  accumulators: usize,
  pixels: i32,
  scales: usize,
  multipliers: usize,
  shifts: usize,
  limit: i32,
): void {
  const s0 = v128.load(scales);
  const s1 = v128.load(scales, 16);
  const s2 = v128.load(scales, 32);
  const s3 = v128.load(scales, 48);
  const most = i32x4.splat(limit);
  const least = i32x4.neg(most);
  const end = accumulators + (<usize>pixels << 5);
  for (let at = accumulators; at < end; at += 32) {
    const low = v128.load(at);
    const high = v128.load(at, 16);
    const beyond = v128.or(
      v128.or(i32x4.gt_s(low, most), i32x4.gt_s(high, most)),
      v128.or(i32x4.lt_s(low, least), i32x4.lt_s(high, least)),
    );
    if (v128.any_true(beyond)) {
      exactPixel(at, multipliers, shifts, rounding);
      continue;
    }
    const r0 = roundedScale(rounding, f64x2.convert_low_i32x4_s(low), s0);
    const r1 = roundedScale(rounding, upper(low), s1);
    const r2 = roundedScale(rounding, f64x2.convert_low_i32x4_s(high), s2);
    const r3 = roundedScale(rounding, upper(high), s3);
    v128.store(at, v128.shuffle<i32>(r0, r1, 0, 2, 4, 6));
    v128.store(at, v128.shuffle<i32>(r2, r3, 0, 2, 4, 6), 16);
  }
}

/** The upper two of four int32 as doubles. */
@inline
export function upper(values: v128): v128 {
  return f64x2.convert_low_i32x4_s(v128.shuffle<i32>(values, values, 2, 3, 2, 3));
}

/** round(value * scale); the integer is in the low 32 bits of each double. */
@inline
export function roundedScale(rounding: i32, value: v128, scale: v128): v128 {
  const magic = f64x2.splat(MAGIC);
  const half = f64x2.splat(0.5);
  const scaled = f64x2.mul(value, scale);
  if (rounding == HALF_EVEN) return f64x2.add(scaled, magic);
  if (rounding == HALF_UP) return f64x2.add(f64x2.floor(f64x2.add(scaled, half)), magic);
  const signed = v128.or(v128.and(scaled, f64x2.splat(-0.0)), half);
  return f64x2.add(f64x2.trunc(f64x2.add(scaled, signed)), magic);
}

/** One pixel in 64-bit integers, for any accumulator and multiplier; saturates to int32. */
function exactPixel(accumulators: usize, multipliers: usize, shifts: usize, rounding: i32): void {
  for (let lane: usize = 0; lane < 8; lane += 1) {
    const at = accumulators + (lane << 2);
    const product = <i64>load<i32>(at) * <i64>load<i32>(multipliers + (lane << 2));
    const y = roundShift(product, <i64>load<u8>(shifts + lane), rounding);
    store<i32>(at, <i32>min(max(y, <i64>i32.MIN_VALUE), <i64>i32.MAX_VALUE));
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
