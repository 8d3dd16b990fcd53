/**
 * The encoder's last step for one segment (sdk/src/codec/ans/lanes.ts says the same in TypeScript): states and bits
 * backward, then each lane's words forward, in the order in which the decoder's refill rule asks for them.
 *
 * A class has 256 codings of 8 bytes: bits rule (i32), place of its states less 2 * count, plus STATE_BIAS (u16), raw (u8),
 * raw bits (u8). Chunks are u32: bits [15:0], their number [23:16].
 */
const CLASS_SHIFT: u8 = 11;
const STATE_BIAS: usize = 2048;
/** A lane while encoding: state (u32); while writing: pool (u64), and the place of the next word. */
const LANE: usize = 16;

/**
 * Symbols of whole tiles, backward: `values` less `center`. `classes` gives the class of each value; lanes[].state is 0 to start with.
 * The last tile may be narrower: `lastWidth`.
 */
export function encodeChunks(
  values: usize,
  classes: usize,
  specials: usize,
  codings: usize,
  states: usize,
  lanes: usize,
  perStep: u32,
  tiles: u32,
  rows: u32,
  width: u32,
  lastWidth: u32,
  size: u32,
  center: u32,
  chunks: usize,
): void {
  let at: usize = <usize>(tiles - 1) * rows * width + <usize>rows * lastWidth;
  for (let tile = tiles; tile > 0; tile -= 1) {
    const own = tile == tiles ? lastWidth : width;
    for (let row = rows; row > 0; row -= 1) {
      // perStep is a power of two.
      for (let channel = own; channel > 0; ) {
        channel -= 1;
        at -= 1;
        const lane = lanes + (channel & (perStep - 1)) * LANE;
        const value = (<u32>load<u8>(values + at) - center) & 255;
        const coding = load<u64>(codings + (<usize>load<u8>(classes + at) << CLASS_SHIFT) + (<usize>value << 3));
        const rule = <i32>coding;
        const rawBits = <u32>(coding >> 56);
        let raw = <u32>(coding >> 48) & 255;
        if (specials != 0 && rawBits == 8 && ((value & 15) == 8 || value >> 4 == 8)) raw = load<u8>(specials + at);
        let before = load<u32>(lane);
        let bits: u32;
        if (before == 0) {
          // A lane's last symbol: what follows it does not matter, so it takes the symbol's first state and zero bits.
          bits = <u32>((rule + 2 * <i32>size - 1) >> 16);
          before = (((bits << 16) - <u32>rule) >> bits) << bits;
        } else bits = <u32>((<i32>before + rule) >> 16);
        const place = <usize>(<u32>(coding >> 32) & 0xffff) + (before >> bits);
        store<u32>(lane, load<u16>(states + (place << 1) - 2 * STATE_BIAS));
        store<u32>(
          chunks + (at << 2),
          (before & ((1 << bits) - 1)) | (raw << bits) | ((bits + rawBits) << 16),
        );
      }
    }
  }
}

/**
 * A lane's words are written where the decoder asks for them. It asks for a word before the encoder knows all its bits:
 * the place is kept until the lane has filled it. At most three places are open per lane, in a ring of four after the pool.
 *
 * A lane is 48 bytes here: pool (u32, and 4 unused bytes), bits in it (u32), words placed (u32), words filled (u32), bits
 * the decoder holds (u32), ring of 4 places (u32). `output` has room for `3 * active + values` words and must be zero. Returns the number of
 * words up to the last one that is not zero.
 */
const WRITER: usize = 48;
const HELD: usize = 8;
const PLACED: usize = 12;
const FILLED: usize = 16;
const LEFT: usize = 20;
const RING: usize = 24;

/** Keeps the place of the lane's next word if `asked` is 1. A slot of the ring is free for it: at most three are open. */
@inline
function place(lane: usize, word: usize, asked: u32): void {
  const placed = load<u32>(lane, PLACED);
  store<u32>(lane + ((placed & 3) << 2), <u32>word, RING);
  store<u32>(lane, placed + asked, PLACED);
}

/** The word begun is written every time, whole or not, so that nothing depends on whether it is: a place is always open. */
@inline
function put(lane: usize, bits: u32, count: u32): void {
  const held = load<u32>(lane, HELD);
  const pool = load<u32>(lane) | (bits << held);
  const all = held + count;
  const filled = load<u32>(lane, FILLED);
  store<u16>(load<u32>(lane + ((filled & 3) << 2), RING), <u16>pool);
  const full = all >> 4;
  store<u32>(lane, filled + full, FILLED);
  store<u32>(lane, pool >> (full << 4));
  store<u32>(lane, all & 15, HELD);
}

export function writeWords(
  chunks: usize,
  lanes: usize,
  writers: usize,
  active: u32,
  perStep: u32,
  tiles: u32,
  rows: u32,
  width: u32,
  lastWidth: u32,
  log: u32,
  output: usize,
): u32 {
  let next = output;
  for (let index: u32 = 0; index < active; index += 1) {
    const lane = writers + index * WRITER;
    store<u64>(lane, 0);
    store<u32>(lane, 0, HELD);
    store<u32>(lane, 0, PLACED);
    store<u32>(lane, 0, FILLED);
    store<u32>(lane, 48 - log, LEFT);
    for (let word: u32 = 0; word < 3; word += 1) place(lane, output + 2 * (word * active + index), 1);
    put(lane, load<u32>(lanes + index * LANE) & ((1 << log) - 1), log);
    next += 6;
  }
  let chunk = chunks;
  for (let tile: u32 = 1; tile <= tiles; tile += 1) {
    const own = tile == tiles ? lastWidth : width;
    for (let row: u32 = 0; row < rows; row += 1) {
      for (let channel: u32 = 0; channel < own; channel += 1, chunk += 4) {
        const lane = writers + (channel & (perStep - 1)) * WRITER;
        const packed = load<u32>(chunk);
        const count = packed >> 16;
        put(lane, packed & 0xffff, count);
        const left = load<u32>(lane, LEFT) - count;
        const asked = <u32>(left < 32);
        place(lane, next, asked);
        next += <usize>asked << 1;
        store<u32>(lane, left + (asked << 4), LEFT);
      }
    }
  }
  for (let index: u32 = 0; index < active; index += 1) {
    const lane = writers + index * WRITER;
    if (load<u32>(lane, HELD) == 0) continue;
    const filled = load<u32>(lane, FILLED);
    if (filled < load<u32>(lane, PLACED)) store<u16>(load<u32>(lane + ((filled & 3) << 2), RING), <u16>load<u32>(lane));
  }
  while (next > output && load<u16>(next - 2) == 0) next -= 2;
  return <u32>((next - output) >> 1);
}
