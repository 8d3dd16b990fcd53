/**
 * Tap prediction, weight-stream.md, section 5. A block's neighbours lie outside it, so its values do not depend on each
 * other; every intermediate sum fits in 16 bits: 3 * 32 * 128 and as much again from the center.
 */

@inline
function guesses(at: usize, distance: usize, c: v128): v128 {
  return i16x8.mul(i16x8.extend_low_i8x16_s(v128.load_zero<u64>(at - distance)), c);
}

@inline
function guess(at: usize, left: usize, top: usize, corner: usize, c0: i32, c1: i32, c2: i32, round: i32): i32 {
  return (c0 * load<i8>(at - left) + c1 * load<i8>(at - top) + c2 * load<i8>(at - corner) + round) >> 5;
}

/**
 * Adds to each of `count` differences (`sign` 1) the prediction from weights `left`, `top` and `corner` bytes before it, or
 * takes it from each of `count` weights (`sign` -1).
 */
export function predict(
  values: usize,
  count: u32,
  left: usize,
  top: usize,
  corner: usize,
  c0: i32,
  c1: i32,
  c2: i32,
  round: i32,
  sign: i32,
): void {
  const end = values + count;
  let at = values;
  const k0 = i16x8.splat(<i16>c0);
  const k1 = i16x8.splat(<i16>c1);
  const k2 = i16x8.splat(<i16>c2);
  const half = i16x8.splat(<i16>round);
  const signs = i16x8.splat(<i16>sign);
  for (; at + 8 <= end; at += 8) {
    const sum = i16x8.add(
      i16x8.add(guesses(at, left, k0), guesses(at, top, k1)),
      i16x8.add(guesses(at, corner, k2), half),
    );
    const own = i16x8.extend_low_i8x16_s(v128.load_zero<u64>(at));
    const result = i16x8.add(own, i16x8.mul(signs, i16x8.shr_s(sum, 5)));
    // The low byte of each: int8() of the sum.
    const bytes = v128.and(result, i16x8.splat(255));
    v128.store_lane<u64>(at, i8x16.narrow_i16x8_u(bytes, bytes), 0);
  }
  for (; at < end; at += 1) {
    store<i8>(at, <i8>(load<i8>(at) + sign * guess(at, left, top, corner, c0, c1, c2, round)));
  }
}
