/**
 * Accumulators of 8 output channels for many pixels: acc[pixel][8] = bias + sum of x * w.
 *
 * Input: int16 from `widen`. A window is `segments` runs of `length` int16 (a multiple of 8), each at its own byte
 * offset from the pixel's; `pixelOffsets` holds one byte offset per pixel, their count rounded up to whole fours.
 * Weights: per pair of inputs, 8 outputs x 2 int16. Four pixels by eight outputs stay in registers.
 */
export function convolve(
  input: usize,
  pixelOffsets: usize,
  pixels: i32,
  segmentOffsets: usize,
  segments: i32,
  length: i32,
  weights: usize,
  bias: usize,
  accumulators: usize,
): void {
  const bias0 = v128.load(bias);
  const bias1 = v128.load(bias, 16);
  const runBytes = <usize>length << 1;
  let target = accumulators;
  for (let pixel = 0; pixel < pixels; pixel += 4) {
    const offsets = pixelOffsets + (<usize>pixel << 2);
    const base0 = input + <usize>load<u32>(offsets);
    const base1 = input + <usize>load<u32>(offsets, 4);
    const base2 = input + <usize>load<u32>(offsets, 8);
    const base3 = input + <usize>load<u32>(offsets, 12);
    let a0 = bias0;
    let a1 = bias1;
    let b0 = bias0;
    let b1 = bias1;
    let c0 = bias0;
    let c1 = bias1;
    let d0 = bias0;
    let d1 = bias1;
    let w = weights;
    for (let segment = 0; segment < segments; segment += 1) {
      const offset = <usize>load<u32>(segmentOffsets + (<usize>segment << 2));
      let x0 = base0 + offset;
      let x1 = base1 + offset;
      let x2 = base2 + offset;
      let x3 = base3 + offset;
      const end = x0 + runBytes;
      while (x0 < end) {
        // One step: two inputs, eight outputs, four pixels. Written out four times: eight inputs.
        let w0 = v128.load(w);
        let w1 = v128.load(w, 16);
        let x = v128.load_splat<u32>(x0);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, w0));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x1);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x, w0));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x2);
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(x, w0));
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x3);
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(x, w0));
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(x, w1));

        w0 = v128.load(w, 32);
        w1 = v128.load(w, 48);
        x = v128.load_splat<u32>(x0, 4);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, w0));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x1, 4);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x, w0));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x2, 4);
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(x, w0));
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x3, 4);
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(x, w0));
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(x, w1));

        w0 = v128.load(w, 64);
        w1 = v128.load(w, 80);
        x = v128.load_splat<u32>(x0, 8);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, w0));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x1, 8);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x, w0));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x2, 8);
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(x, w0));
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x3, 8);
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(x, w0));
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(x, w1));

        w0 = v128.load(w, 96);
        w1 = v128.load(w, 112);
        x = v128.load_splat<u32>(x0, 12);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, w0));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x1, 12);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x, w0));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x2, 12);
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(x, w0));
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(x, w1));
        x = v128.load_splat<u32>(x3, 12);
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(x, w0));
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(x, w1));

        w += 128;
        x0 += 16;
        x1 += 16;
        x2 += 16;
        x3 += 16;
      }
    }
    v128.store(target, a0);
    v128.store(target, a1, 16);
    v128.store(target, b0, 32);
    v128.store(target, b1, 48);
    v128.store(target, c0, 64);
    v128.store(target, c1, 80);
    v128.store(target, d0, 96);
    v128.store(target, d1, 112);
    target += 128;
  }
}
