/**
 * One static tANS table: counts of symbols, and the decoding table they determine (weight-stream.md, section 2).
 * Symbols are indices: the byte 0..255 (two's complement), and 256 for the escape.
 */
export const ESCAPE = 256;
export const SYMBOLS = 257;

/** Decoding table, one element per state. */
export interface StateTable {
  /** R: 2^R states. */
  readonly log: number;
  readonly symbol: Uint16Array;
  /** Bits to read for the next state. */
  readonly bits: Uint8Array;
  /** Next state before those bits are added. */
  readonly base: Uint16Array;
}

/** `counts` has SYMBOLS elements that sum to 2^log. */
export function buildStateTable(counts: Uint16Array, log: number): StateTable {
  const size = 1 << log;
  const symbol = new Uint16Array(size);
  const step = size / 2 + size / 8 + 3;
  let position = 0;
  for (let s = 0; s < SYMBOLS; s += 1) {
    for (let n = 0; n < counts[s]; n += 1) {
      symbol[position] = s;
      position = (position + step) & (size - 1);
    }
  }
  const next = Uint16Array.from(counts);
  const bits = new Uint8Array(size);
  const base = new Uint16Array(size);
  for (let state = 0; state < size; state += 1) {
    const x = next[symbol[state]];
    next[symbol[state]] += 1;
    bits[state] = log - (31 - Math.clz32(x));
    base[state] = (x << bits[state]) - size;
  }
  return { log, symbol, bits, base };
}

/** Encoding view: for a symbol and a state in 2^R..2^(R+1)-1, the bits to emit and the state before. */
export interface EncodingTable {
  readonly log: number;
  /** The bits to emit are `(state + bitsRule[symbol]) >> 16`. */
  readonly bitsRule: Int32Array;
  /** `states[offset[symbol] + (state >> bits)]` is the previous state, 2^R..2^(R+1)-1. */
  readonly offset: Int32Array;
  readonly states: Uint16Array;
}

export function buildEncodingTable(counts: Uint16Array, log: number): EncodingTable {
  const size = 1 << log;
  const { symbol } = buildStateTable(counts, log);
  const offset = new Int32Array(SYMBOLS);
  const bitsRule = new Int32Array(SYMBOLS);
  const fill = new Int32Array(SYMBOLS);
  let cumulated = 0;
  for (let s = 0; s < SYMBOLS; s += 1) {
    const count = counts[s];
    fill[s] = cumulated;
    offset[s] = cumulated - count;
    cumulated += count;
    if (count > 0) {
      // States below threshold emit one bit less: (state >> bits) must land in count..2 * count - 1.
      const most = log - (31 - Math.clz32(count));
      bitsRule[s] = (most << 16) - (count << most);
    }
  }
  const states = new Uint16Array(size);
  for (let state = 0; state < size; state += 1) {
    states[fill[symbol[state]]] = size + state;
    fill[symbol[state]] += 1;
  }
  return { log, bitsRule, offset, states };
}
