/**
 * LOAD with taps: writes every window of a packed HWC image as one pixel of channels [tap][channel].
 *
 * The source is padded beforehand: rows of `rowBytes` that hold every column a window touches. A pixel is gathered into
 * `pixel` (whole words, zeros behind the last channel, eight spare bytes) and then written word by word.
 */
export function loadTaps(
  source: usize,
  rowBytes: usize,
  kernelHeight: i32,
  runBytes: usize,
  columnStep: usize,
  rowStep: usize,
  height: i32,
  width: i32,
  words: i32,
  pixel: usize,
  target: usize,
  targetRowBytes: usize,
  groupBytes: usize,
  wordStride: usize,
  pixels: i32,
): void {
  for (let y = 0; y < height; y += 1) {
    let from = source + <usize>y * rowStep;
    let group = target + <usize>y * targetRowBytes;
    let lane = 0;
    for (let x = 0; x < width; x += 1) {
      let next = pixel;
      let row = from;
      for (let ky = 0; ky < kernelHeight; ky += 1) {
        // Whole words; what runs over is overwritten by the next row, and behind the last one by zeros.
        for (let byte: usize = 0; byte < runBytes; byte += 8) store<u64>(next + byte, load<u64>(row + byte));
        next += runBytes;
        row += rowBytes;
      }
      store<u64>(next, 0);
      let at = group + (<usize>lane << 3);
      for (let word = 0; word < words; word += 1) {
        store<u64>(at, load<u64>(pixel + (<usize>word << 3)));
        at += wordStride;
      }
      from += columnStep;
      lane += 1;
      if (lane == pixels) {
        lane = 0;
        group += groupBytes;
      }
    }
  }
}

/** LOAD of words, or (`store` not 0) STORE: between consecutive words in `packed` and a tensor's words. */
export function moveWords(
  packed: usize,
  tensor: usize,
  height: i32,
  width: i32,
  words: i32,
  rowBytes: usize,
  groupBytes: usize,
  wordStride: usize,
  pixels: i32,
  toPacked: i32,
): void {
  let next = packed;
  for (let y = 0; y < height; y += 1) {
    let group = tensor + <usize>y * rowBytes;
    let lane = 0;
    for (let x = 0; x < width; x += 1) {
      let at = group + (<usize>lane << 3);
      for (let word = 0; word < words; word += 1) {
        if (toPacked) store<u64>(next, load<u64>(at));
        else store<u64>(at, load<u64>(next));
        next += 8;
        at += wordStride;
      }
      lane += 1;
      if (lane == pixels) {
        lane = 0;
        group += groupBytes;
      }
    }
  }
}
