/**
 * The encoder's passes over weights (sdk/src/codec/ans/plain-passes.ts says the same in TypeScript).
 *
 * A layer is [output][row] bytes. `shared` (i32 per row) is what a row adds to its outputs' offsets. Prices are i32, at
 * `prices + 4 * (value * span + position)`; a position is a class offset plus the padding of class-costs.ts. Eight or more
 * prices are read at once: the table is followed by 64 bytes of anything. Sums are i32: no element may meet 2^11 values.
 */
const UNCODABLE: i32 = 1 << 20;

/** For each output, the sums of 8 prices from position `lowest + a[output] + shared[row]` on, limited to 0..top. */
export function sumsOfOutputs(
  values: usize,
  outputs: u32,
  rows: u32,
  rowStride: u32,
  shared: usize,
  a: usize,
  prices: usize,
  span: u32,
  lowest: i32,
  top: i32,
  sums: usize,
): void {
  for (let output: u32 = 0; output < outputs; output += 1) {
    const from = lowest + load<i32>(a + (output << 2));
    const own = values + <usize>output * rows;
    let low = i32x4.splat(0);
    let high = i32x4.splat(0);
    for (let row: u32 = 0; row < rows; row += rowStride) {
      const position = min(max(from + load<i32>(shared + (row << 2)), 0), top);
      const price = prices + (((<u32>load<u8>(own + row)) * span + position) << 2);
      low = i32x4.add(low, v128.load(price));
      high = i32x4.add(high, v128.load(price, 16));
    }
    v128.store(sums + (output << 5), low);
    v128.store(sums + (output << 5), high, 16);
  }
}

/** The same for each cell, which is what `cells` (u16 per row) says: an input channel or a tap. `sums` must be zero. */
export function sumsOfCells(
  values: usize,
  outputs: u32,
  outputStride: u32,
  rows: u32,
  rowStride: u32,
  shared: usize,
  a: usize,
  cells: usize,
  prices: usize,
  span: u32,
  lowest: i32,
  top: i32,
  sums: usize,
): void {
  for (let output: u32 = 0; output < outputs; output += outputStride) {
    const from = lowest + load<i32>(a + (output << 2));
    const own = values + <usize>output * rows;
    for (let row: u32 = 0; row < rows; row += rowStride) {
      const position = min(max(from + load<i32>(shared + (row << 2)), 0), top);
      const price = prices + (((<u32>load<u8>(own + row)) * span + position) << 2);
      const cell = sums + (<usize>load<u16>(cells + (row << 1)) << 5);
      v128.store(cell, i32x4.add(v128.load(cell), v128.load(price)));
      v128.store(cell, i32x4.add(v128.load(cell, 16), v128.load(price, 16)), 16);
    }
  }
}

/** For each output, the sums of `4 * vectors` prices from position `lowest + shared[row]` on. */
export function sumsOfRange(
  values: usize,
  outputs: u32,
  rows: u32,
  rowStride: u32,
  shared: usize,
  prices: usize,
  span: u32,
  lowest: i32,
  vectors: u32,
  sums: usize,
): void {
  let sum = sums;
  for (let output: u32 = 0; output < outputs; output += 1) {
    const own = values + <usize>output * rows;
    let first = prices + (lowest << 2);
    let left = vectors;
    for (; left >= 4; left -= 4, first += 64, sum += 64) {
      let s0 = i32x4.splat(0);
      let s1 = i32x4.splat(0);
      let s2 = i32x4.splat(0);
      let s3 = i32x4.splat(0);
      for (let row: u32 = 0; row < rows; row += rowStride) {
        const price = first + (((<u32>load<u8>(own + row)) * span + load<i32>(shared + (row << 2))) << 2);
        s0 = i32x4.add(s0, v128.load(price));
        s1 = i32x4.add(s1, v128.load(price, 16));
        s2 = i32x4.add(s2, v128.load(price, 32));
        s3 = i32x4.add(s3, v128.load(price, 48));
      }
      v128.store(sum, s0);
      v128.store(sum, s1, 16);
      v128.store(sum, s2, 32);
      v128.store(sum, s3, 48);
    }
    for (; left > 0; left -= 1, first += 16, sum += 16) {
      let s0 = i32x4.splat(0);
      for (let row: u32 = 0; row < rows; row += rowStride) {
        const price = first + (((<u32>load<u8>(own + row)) * span + load<i32>(shared + (row << 2))) << 2);
        s0 = i32x4.add(s0, v128.load(price));
      }
      v128.store(sum, s0);
    }
  }
}

/** For every outputStride-th output its whole cost (f64); infinite when a value cannot be coded. */
export function costsOfOutputs(
  values: usize,
  outputs: u32,
  outputStride: u32,
  rows: u32,
  shared: usize,
  a: usize,
  prices: usize,
  span: u32,
  padding: i32,
  costs: usize,
): void {
  let to = costs;
  for (let output: u32 = 0; output < outputs; output += outputStride, to += 8) {
    const first = prices + ((padding + load<i32>(a + (output << 2))) << 2);
    const own = values + <usize>output * rows;
    let sum: u64 = 0;
    let all: i32 = 0;
    for (let row: u32 = 0; row < rows; row += 1) {
      const price = load<i32>(
        first + (((<u32>load<u8>(own + row)) * span + load<i32>(shared + (row << 2))) << 2),
      );
      sum += price;
      all |= price;
    }
    store<f64>(to, all >= UNCODABLE ? Infinity : <f64>sum);
  }
}

/** Whole tiles of demand order, less `center`, as [output][row]. */
export function toChannelOrder(
  demand: usize,
  tiles: u32,
  rows: u32,
  width: u32,
  lastWidth: u32,
  center: u32,
  ordered: usize,
): void {
  let from = demand;
  let to = ordered;
  for (let tile: u32 = 1; tile <= tiles; tile += 1) {
    const own = tile == tiles ? lastWidth : width;
    // A few rows at a time, which stay in the cache while the channels take theirs.
    for (let row: u32 = 0; row < rows; row += 16) {
      const count = min(<u32>16, rows - row);
      for (let channel: u32 = 0; channel < own; channel += 1) {
        let source = from + row * own + channel;
        const target = to + channel * rows + row;
        for (let index: u32 = 0; index < count; index += 1, source += own) {
          store<u8>(target + index, load<u8>(source) - center);
        }
      }
    }
    from += <usize>own * rows;
    to += <usize>own * rows;
  }
}

/**
 * The class of every value of whole tiles in demand order: clip(a[output] + shared[row], first, last), all i8. Writes up to
 * 15 bytes too many, and reads as many offsets.
 */
export function classesOfTiles(
  a: usize,
  shared: usize,
  tiles: u32,
  rows: u32,
  width: u32,
  lastWidth: u32,
  first: i32,
  last: i32,
  classes: usize,
): void {
  const least = i8x16.splat(<i8>first);
  const most = i8x16.splat(<i8>last);
  let to = classes;
  for (let tile: u32 = 1; tile <= tiles; tile += 1) {
    const own = tile == tiles ? lastWidth : width;
    for (let row: u32 = 0; row < rows; row += 1) {
      const sum = i8x16.splat(load<i8>(shared + row));
      for (let channel: u32 = 0; channel < own; channel += 16) {
        const all = i8x16.add(v128.load(a + channel), sum);
        v128.store(to + channel, i8x16.min_s(i8x16.max_s(all, least), most));
      }
      to += own;
    }
    a += own;
  }
}
