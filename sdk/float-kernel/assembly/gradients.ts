// Backward kernels of the float network that adapts codes (sdk/src/quantize/adapt). Same memory and addresses as
// index.ts; twin: the plain loops in test/sdk/quantize/trainable-network.test.ts.

/**
 * out[panel(o)][k][o mod 8] += sum over positions p of input[offsets[p] + run of k] * gradient[p * stride + o]
 *
 * The gradient of `convolve` with respect to its weights, in the layout of its weights. Four window elements and eight
 * outputs at a time; elements behind a run's end and outputs behind the last are computed from whatever lies there and
 * dropped, so 16 bytes behind input and gradient must be readable.
 */
export function convolveGradient(
  input: usize,
  offsets: usize,
  positions: i32,
  segments: usize,
  segmentCount: i32,
  length: i32,
  gradient: usize,
  outputs: i32,
  gradientStride: i32,
  result: usize,
): void {
  const offsetsEnd = offsets + ((<usize>positions) << 2);
  const stride = <usize>gradientStride;
  for (let o = 0; o < outputs; o += 8) {
    for (let s = 0; s < segmentCount; s++) {
      const run = input + load<i32>(segments + ((<usize>s) << 2));
      for (let j = 0; j < length; j += 4) {
        const from = run + ((<usize>j) << 2);
        let a00 = f32x4.splat(0);
        let a01 = a00;
        let a10 = a00;
        let a11 = a00;
        let a20 = a00;
        let a21 = a00;
        let a30 = a00;
        let a31 = a00;
        let g = gradient;
        for (let p = offsets; p < offsetsEnd; p += 4) {
          const x = from + load<i32>(p);
          const g0 = v128.load(g);
          const g1 = v128.load(g, 16);
          const x0 = v128.load_splat<f32>(x);
          a00 = f32x4.add(a00, f32x4.mul(x0, g0));
          a01 = f32x4.add(a01, f32x4.mul(x0, g1));
          const x1 = v128.load_splat<f32>(x, 4);
          a10 = f32x4.add(a10, f32x4.mul(x1, g0));
          a11 = f32x4.add(a11, f32x4.mul(x1, g1));
          const x2 = v128.load_splat<f32>(x, 8);
          a20 = f32x4.add(a20, f32x4.mul(x2, g0));
          a21 = f32x4.add(a21, f32x4.mul(x2, g1));
          const x3 = v128.load_splat<f32>(x, 12);
          a30 = f32x4.add(a30, f32x4.mul(x3, g0));
          a31 = f32x4.add(a31, f32x4.mul(x3, g1));
          g += stride;
        }
        const left = length - j;
        addPair(result, a00, a01);
        if (left > 1) addPair(result + 32, a10, a11);
        if (left > 2) addPair(result + 64, a20, a21);
        if (left > 3) addPair(result + 96, a30, a31);
        result += (<usize>(left < 4 ? left : 4)) << 5;
      }
    }
    gradient += 32;
  }
}

function addPair(at: usize, low: v128, high: v128): void {
  v128.store(at, f32x4.add(v128.load(at), low));
  v128.store(at, f32x4.add(v128.load(at, 16), high), 16);
}

/** out[t][c] += sum over positions p of input[offsets[p] + segments[t] + 4 c] * gradient[p][c]; channels % 4 == 0 */
export function depthwiseGradient(
  input: usize,
  offsets: usize,
  positions: i32,
  segments: usize,
  taps: i32,
  gradient: usize,
  channels: i32,
  result: usize,
): void {
  const bytes = (<usize>channels) << 2;
  const offsetsEnd = offsets + ((<usize>positions) << 2);
  for (let t = 0; t < taps; t++) {
    const tap = input + load<i32>(segments + ((<usize>t) << 2));
    for (let c: usize = 0; c < bytes; c += 16) {
      let sum = v128.load(result + c);
      let g = gradient + c;
      for (let p = offsets; p < offsetsEnd; p += 4) {
        sum = f32x4.add(sum, f32x4.mul(v128.load(tap + load<i32>(p) + c), v128.load(g)));
        g += bytes;
      }
      v128.store(result + c, sum);
    }
    result += bytes;
  }
}

/** out[i] = min(max(roundHalfEven(x[i] * inverse), low), high) * scale; low and high count from the grid's zero. */
export function quantize(
  input: usize,
  output: usize,
  count: i32,
  inverse: f32,
  scale: f32,
  low: f32,
  high: f32,
): void {
  const end = (<usize>count) << 2;
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const inverses = f32x4.splat(inverse);
  const scales = f32x4.splat(scale);
  for (let i: usize = 0; i < end; i += 16) {
    const steps = f32x4.nearest(f32x4.mul(v128.load(input + i), inverses));
    v128.store(output + i, f32x4.mul(f32x4.min(f32x4.max(steps, lows), highs), scales));
  }
}

/** gradient[i] = 0 unless low < values[i] < high: the straight-through gradient of a value that saturates. */
export function passInside(gradient: usize, values: usize, count: i32, low: f32, high: f32): void {
  const end = (<usize>count) << 2;
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (let i: usize = 0; i < end; i += 16) {
    const x = v128.load(values + i);
    const inside = v128.and(f32x4.gt(x, lows), f32x4.lt(x, highs));
    v128.store(gradient + i, v128.and(v128.load(gradient + i), inside));
  }
}
