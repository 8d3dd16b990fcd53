/**
 * Stage B (sdk/src/overlay/program.ts) on y [pixel][8], exact: saturates y, rounds, adds the zero point, saturates the
 * code and writes the pixel's word; or looks the code up. `output` describes it:
 *
 *   int32 0 yMin, 1 yMax, 2 zeroPoint, 3 codeMin, 4 codeMax
 * and `mask` is 8 bytes, 0 for channels that do not exist.
 */
import { roundedScale, shiftVector, upper } from "./stage-a";

const HALF_UP = 0;
const HALF_EVEN = 1;
const HALF_AWAY = 2;

// How y becomes an integer before the zero point is added.
const PLAIN = 0;
const SHIFT = 1;
const PRODUCT = 2;
const DOUBLE = 3;

/** No rounding. */
export function stageBPlain(
  values: usize,
  pixels: i32,
  offsets: usize,
  target: usize,
  output: usize,
  mask: usize,
): void {
  pixelLoop(PLAIN, 0, values, pixels, offsets, target, output, mask, 0, 0);
}

/** The same shift, 1..30, in every lane. */
export function stageBShift(
  values: usize,
  pixels: i32,
  offsets: usize,
  target: usize,
  output: usize,
  mask: usize,
  shift: i32,
  rounding: i32,
): void {
  if (rounding == HALF_UP) {
    pixelLoop(SHIFT, HALF_UP, values, pixels, offsets, target, output, mask, 0, shift);
  } else if (rounding == HALF_EVEN) {
    pixelLoop(SHIFT, HALF_EVEN, values, pixels, offsets, target, output, mask, 0, shift);
  } else pixelLoop(SHIFT, HALF_AWAY, values, pixels, offsets, target, output, mask, 0, shift);
}

/** Half-away with a shift of 2..31 per lane: `factors` are 8 int32, 2^(32 - shift). |y| < 2^31. */
export function stageBProduct(
  values: usize,
  pixels: i32,
  offsets: usize,
  target: usize,
  output: usize,
  mask: usize,
  factors: usize,
): void {
  pixelLoop(PRODUCT, HALF_AWAY, values, pixels, offsets, target, output, mask, factors, 0);
}

/** Any shift per lane: `scales` are 8 doubles, 2^-shift. */
export function stageBDouble(
  values: usize,
  pixels: i32,
  offsets: usize,
  target: usize,
  output: usize,
  mask: usize,
  scales: usize,
  rounding: i32,
): void {
  if (rounding == HALF_UP) {
    pixelLoop(DOUBLE, HALF_UP, values, pixels, offsets, target, output, mask, scales, 0);
  } else if (rounding == HALF_EVEN) {
    pixelLoop(DOUBLE, HALF_EVEN, values, pixels, offsets, target, output, mask, scales, 0);
  } else pixelLoop(DOUBLE, HALF_AWAY, values, pixels, offsets, target, output, mask, scales, 0);
}

@inline
function pixelLoop(
  form: i32,
  rounding: i32,
  values: usize,
  pixels: i32,
  offsets: usize,
  target: usize,
  output: usize,
  mask: usize,
  lanes: usize,
  shift: i32,
): void {
  const yMin = i32x4.splat(load<i32>(output));
  const yMax = i32x4.splat(load<i32>(output, 4));
  const zeroPoint = i16x8.splat(<i16>load<i32>(output, 8));
  const codeMin = i16x8.splat(<i16>load<i32>(output, 12));
  const codeMax = i16x8.splat(<i16>load<i32>(output, 16));
  const present = v128.load_splat<u64>(mask);
  const one = i32x4.splat(1);
  const half = form == SHIFT ? i32x4.splat((1 << (shift - 1)) - (rounding == HALF_EVEN ? 1 : 0)) : one;
  // Eight factors (two vectors) or eight doubles (four).
  let l0 = one;
  let l1 = one;
  let l2 = one;
  let l3 = one;
  if (form == PRODUCT || form == DOUBLE) {
    l0 = v128.load(lanes);
    l1 = v128.load(lanes, 16);
  }
  if (form == DOUBLE) {
    l2 = v128.load(lanes, 32);
    l3 = v128.load(lanes, 48);
  }
  let at = values;
  let offset = offsets;
  const end = values + (<usize>pixels << 5);
  while (at < end) {
    let low = i32x4.min_s(i32x4.max_s(v128.load(at), yMin), yMax);
    let high = i32x4.min_s(i32x4.max_s(v128.load(at, 16), yMin), yMax);
    if (form == SHIFT) {
      low = shiftVector(rounding, low, shift, half, one);
      high = shiftVector(rounding, high, shift, half, one);
    } else if (form == PRODUCT) {
      low = productVector(low, l0);
      high = productVector(high, l1);
    } else if (form == DOUBLE) {
      const r0 = roundedScale(rounding, f64x2.convert_low_i32x4_s(low), l0);
      const r1 = roundedScale(rounding, upper(low), l1);
      low = v128.shuffle<i32>(r0, r1, 0, 2, 4, 6);
      const r2 = roundedScale(rounding, f64x2.convert_low_i32x4_s(high), l2);
      const r3 = roundedScale(rounding, upper(high), l3);
      high = v128.shuffle<i32>(r2, r3, 0, 2, 4, 6);
    }
    let codes = i16x8.add_sat_s(i16x8.narrow_i32x4_s(low, high), zeroPoint);
    codes = i16x8.min_s(i16x8.max_s(codes, codeMin), codeMax);
    const bytes = v128.and(i8x16.narrow_i16x8_s(codes, codes), present);
    v128.store_lane<i64>(target + <usize>load<u32>(offset), bytes, 0);
    at += 32;
    offset += 4;
  }
}

/** Upper halves of (y - (y < 0)) * 2^(32 - shift) + 2^31: y / 2^shift, ties away from zero. */
@inline
function productVector(value: v128, factors: v128): v128 {
  const half = i64x2.splat(0x80000000);
  const biased = i32x4.add(value, i32x4.shr_s(value, 31));
  const low = i64x2.add(i64x2.extmul_low_i32x4_s(biased, factors), half);
  const high = i64x2.add(i64x2.extmul_high_i32x4_s(biased, factors), half);
  return v128.shuffle<i32>(low, high, 1, 3, 5, 7);
}

/** code = table[y - yMin] after saturation of y. */
export function stageBTable(
  values: usize,
  pixels: i32,
  offsets: usize,
  target: usize,
  output: usize,
  mask: usize,
  table: usize,
): void {
  const yMin = i32x4.splat(load<i32>(output));
  const yMax = i32x4.splat(load<i32>(output, 4));
  const present = load<u64>(mask);
  let at = values;
  let offset = offsets;
  const end = values + (<usize>pixels << 5);
  while (at < end) {
    const low = i32x4.sub(i32x4.min_s(i32x4.max_s(v128.load(at), yMin), yMax), yMin);
    const high = i32x4.sub(i32x4.min_s(i32x4.max_s(v128.load(at, 16), yMin), yMax), yMin);
    const codes =
      <u64>load<u8>(table + <usize>i32x4.extract_lane(low, 0)) |
      (<u64>load<u8>(table + <usize>i32x4.extract_lane(low, 1)) << 8) |
      (<u64>load<u8>(table + <usize>i32x4.extract_lane(low, 2)) << 16) |
      (<u64>load<u8>(table + <usize>i32x4.extract_lane(low, 3)) << 24) |
      (<u64>load<u8>(table + <usize>i32x4.extract_lane(high, 0)) << 32) |
      (<u64>load<u8>(table + <usize>i32x4.extract_lane(high, 1)) << 40) |
      (<u64>load<u8>(table + <usize>i32x4.extract_lane(high, 2)) << 48) |
      (<u64>load<u8>(table + <usize>i32x4.extract_lane(high, 3)) << 56);
    store<u64>(target + <usize>load<u32>(offset), codes & present);
    at += 32;
    offset += 4;
  }
}
