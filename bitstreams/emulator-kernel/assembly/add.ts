/**
 * Accumulators of 8 channels for many pixels: acc[pixel][8] = bias + table0[code0 + 128] + table1[code1 + 128].
 * The codes are words of the activation memory; `offsets0` and `offsets1` hold one byte offset per pixel.
 */
export function addTables(
  first: usize,
  offsets0: usize,
  second: usize,
  offsets1: usize,
  pixels: i32,
  table0: usize,
  table1: usize,
  bias: i32,
  accumulators: usize,
): void {
  // The tables begin at code -128.
  const middle0 = table0 + 512;
  const middle1 = table1 + 512;
  let target = accumulators;
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const at = <usize>pixel << 2;
    const word0 = first + <usize>load<u32>(offsets0 + at);
    const word1 = second + <usize>load<u32>(offsets1 + at);
    for (let lane: usize = 0; lane < 8; lane += 1) {
      const addend0 = load<i32>(middle0 + ((<isize>load<i8>(word0 + lane)) << 2));
      const addend1 = load<i32>(middle1 + ((<isize>load<i8>(word1 + lane)) << 2));
      store<i32>(target + (lane << 2), bias + addend0 + addend1);
    }
    target += 32;
  }
}
