/**
 * Copies rows of an int8 tensor out of the activation memory into int16 [row][column][channel word of 8], with the
 * window's padding around it, so that the loops that follow need no bounds.
 *
 * firstRow may be negative; columns run from -padLeft on. Words of a pixel lie `wordStride` apart, groups of `pixels`
 * columns `groupBytes`, rows `rowBytes`.
 */
export function widen(
  source: usize,
  height: i32,
  width: i32,
  words: i32,
  rowBytes: usize,
  groupBytes: usize,
  wordStride: usize,
  pixels: i32,
  firstRow: i32,
  rows: i32,
  padLeft: i32,
  columns: i32,
  padValue: i32,
  target: usize,
): void {
  const pixelBytes = <usize>words << 4;
  const padding = i16x8.splat(<i16>padValue);
  let to = target;
  // Columns [from, until) of the padded row come from the input.
  const from = min(padLeft, columns);
  const until = max(from, min(columns, padLeft + width));
  for (let row = firstRow; row < firstRow + rows; row += 1) {
    if (row < 0 || row >= height) {
      to = fill(to, <usize>columns * pixelBytes, padding);
      continue;
    }
    to = fill(to, <usize>from * pixelBytes, padding);
    const line = source + <usize>row * rowBytes;
    let lane = 0;
    let group = line;
    for (let column = from; column < until; column += 1) {
      let at = group + (<usize>lane << 3);
      for (let word = 0; word < words; word += 1) {
        v128.store(to, v128.load_ext<i8>(at));
        to += 16;
        at += wordStride;
      }
      lane += 1;
      if (lane == pixels) {
        lane = 0;
        group += groupBytes;
      }
    }
    to = fill(to, <usize>(columns - until) * pixelBytes, padding);
  }
}

@inline
function fill(target: usize, bytes: usize, value: v128): usize {
  const end = target + bytes;
  let at = target;
  for (; at < end; at += 16) v128.store(at, value);
  return end;
}
