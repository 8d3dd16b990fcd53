/**
 * The steps of weight-stream.md, section 4. A lane is 16 bytes: its reservoir (u64) and its state (u32). The reservoir's
 * highest set bit is a mark just above the bits it holds, so that "holds fewer than 32 bits" is one comparison.
 *
 * Words lie at `words` .. `end`; the word at `end` is zero and stands for every word after it, so nothing beyond is read.
 * Entries are packed as in sdk/src/codec/ans/packed-entries.ts.
 */
const LANE: usize = 16;
const STATE: usize = 8;
const FEW: u64 = 1 << 32;

@inline
function wordAt(next: usize, end: usize): u64 {
  return load<u16>(min(next, end));
}

/** Fills the lanes; returns where the next word lies. */
export function startLanes(lanes: usize, active: u32, log: u32, words: usize, end: usize): usize {
  let next = words;
  for (let lane: u32 = 0; lane < active; lane += 1) {
    const first = wordAt(words + 2 * lane, end);
    const second = wordAt(words + 2 * (active + lane), end);
    const third = wordAt(words + 2 * (2 * active + lane), end);
    const all = first | (second << 16) | (third << 32) | (<u64>1 << 48);
    store<u64>(lanes + lane * LANE, all >> log);
    store<u32>(lanes + lane * LANE, <u32>all & ((1 << log) - 1), STATE);
    next += 6;
  }
  return next;
}

/** One symbol of a lane: returns the packed entry in the low half and the bits after its state's in the high half. */
@inline
function entryOf(lane: usize, table: usize): u32 {
  return load<u32>(table + (<usize>load<u32>(lane, STATE) << 2));
}

@inline
function refill(lane: usize, left: u64, next: usize, end: usize): usize {
  const few = <u64>(left < FEW);
  // Removes the mark, appends the word, and sets the mark above it.
  store<u64>(lane, left + (((wordAt(next, end) + 65535) << (63 - clz(left))) & (0 - few)));
  return next + (<usize>few << 1);
}

@inline
function single(lane: usize, table: usize, output: usize, center: u32, next: usize, end: usize): usize {
  const entry = entryOf(lane, table);
  const pool = load<u64>(lane);
  const bits = (entry >> 8) & 15;
  const total = (entry >> 12) & 31;
  const low = <u32>pool;
  store<u32>(lane, ((entry >> 17) & 2047) + (low & ((1 << bits) - 1)), STATE);
  store<u8>(output, center + entry + ((low & ((1 << total) - 1)) >> bits));
  return refill(lane, pool >> total, next, end);
}

/**
 * Decodes the rows of one tile into `output`, `width` weights each. `offsets` gives the sum of each row, and `tables`
 * the addresses of the entries of each channel, `width` of them for each sum. Returns where the next word lies.
 */
export function decodeSingles(
  lanes: usize,
  perStep: u32,
  offsets: usize,
  rows: u32,
  tables: usize,
  width: u32,
  output: usize,
  center: u32,
  words: usize,
  end: usize,
): usize {
  let next = words;
  let at = output;
  for (let row: u32 = 0; row < rows; row += 1) {
    let table = tables + <usize>(load<u32>(offsets + (row << 2)) * width) * 4;
    for (let step: u32 = 0; step < width; step += perStep) {
      const last = lanes + min(perStep, width - step) * LANE;
      let lane = lanes;
      for (; lane + 3 * LANE < last; lane += 4 * LANE) {
        next = single(lane, load<u32>(table), at, center, next, end);
        next = single(lane + LANE, load<u32>(table, 4), at + 1, center, next, end);
        next = single(lane + 2 * LANE, load<u32>(table, 8), at + 2, center, next, end);
        next = single(lane + 3 * LANE, load<u32>(table, 12), at + 3, center, next, end);
        at += 4;
        table += 16;
      }
      for (; lane < last; lane += LANE) {
        next = single(lane, load<u32>(table), at, center, next, end);
        at += 1;
        table += 4;
      }
    }
  }
  return next;
}

/** As decodeSingles, two weights per symbol: rows 2r and 2r + 1 of the tile. */
export function decodePairs(
  lanes: usize,
  perStep: u32,
  offsets: usize,
  rows: u32,
  tables: usize,
  width: u32,
  output: usize,
  center: u32,
  words: usize,
  end: usize,
): usize {
  let next = words;
  let at = output;
  for (let row: u32 = 0; row < rows; row += 2) {
    let table = tables + <usize>(load<u32>(offsets + (row << 2)) * width) * 4;
    const toSecond = row + 1 < rows ? width : 0;
    for (let step: u32 = 0; step < width; step += perStep) {
      const last = lanes + min(perStep, width - step) * LANE;
      for (let lane = lanes; lane < last; lane += LANE) {
        const entry = entryOf(lane, load<u32>(table));
        const pool = load<u64>(lane);
        const bits = (entry >> 8) & 15;
        const total = (entry >> 12) & 31;
        const low = <u32>pool;
        store<u32>(lane, ((entry >> 17) & 2047) + (low & ((1 << bits) - 1)), STATE);
        let first = (<i32>entry << 28) >> 28;
        let second = (<i32>entry << 24) >> 28;
        if (total != bits) {
          const raw = (low >> bits) & 255;
          if (entry & (1 << 28)) {
            first = <i32>(raw << 28) >> 28;
            second = <i32>(raw << 24) >> 28;
          } else if (first == -8) first = raw;
          else second = raw;
        }
        // Second first: where there is none, both fall on the same place.
        store<u8>(at + toSecond, second + center);
        store<u8>(at, first + center);
        next = refill(lane, pool >> total, next, end);
        at += 1;
        table += 4;
      }
    }
    at += toSecond;
  }
  return next;
}
