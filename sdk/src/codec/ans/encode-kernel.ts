/** The encoder's last step in WebAssembly: the same words as plainSegmentEncoder of lanes.ts. */
import { kinds } from "./header.js";
import { KernelMemory } from "./kernel-memory.js";
import { type ClassSymbols, plainSegmentEncoder, rowSums, type SegmentEncoder } from "./lanes.js";

/** See codec-kernel/assembly/encode.ts: a lane while encoding and while writing, one value's coding, what places begin at. */
const LANE_BYTES = 16;
const WRITER_BYTES = 48;
const CODING_WORDS = 2;
const STATE_BIAS = 2048;
/** The kernels read and write vectors: this far behind the end. */
const VECTOR = 16;

/** The plain encoder where WebAssembly is not available; it also takes what does not fit in the kernels' memory. */
export function fastSegmentEncoder(coding: readonly ClassSymbols[], log: number): SegmentEncoder {
  const plain = plainSegmentEncoder(coding, log);
  const memory = KernelMemory.shared();
  if (!memory) return plain;
  const { packed, states } = packCodings(coding, log);
  return (symbols, header, layout, firstTile, lastTile) => {
    const { values, specials } = symbols;
    const { outputs, outputTile, inputs, kernelHeight, kernelWidth } = layout;
    const active = Math.min(header.lanes, outputs, outputTile);
    const shared = rowSums(header, layout);
    const a = header.a.subarray(firstTile * outputTile, lastTile * outputTile);
    const mostWords = values.length + 3 * active;
    const addresses = memory.layOut([
      packed.byteLength,
      states.byteLength,
      active * LANE_BYTES,
      active * WRITER_BYTES,
      a.length + VECTOR,
      shared.length,
      values.length,
      values.length + VECTOR,
      specials?.length ?? 0,
      values.length * 4,
      mostWords * 2,
    ]);
    if (!addresses) return plain(symbols, header, layout, firstTile, lastTile);
    const [codings, stateTables, lanes, writers, ownA, ownShared, ownValues, classes, ownSpecials] =
      addresses;
    const [chunks, words] = addresses.slice(9);
    memory.integers(codings, packed.length).set(packed);
    memory.words(stateTables, states.length).set(states);
    memory.bytes(lanes, active * LANE_BYTES).fill(0);
    memory.bytes(ownA, a.length).set(a);
    memory.bytes(ownShared, shared.length).set(new Uint8Array(shared.buffer));
    memory.bytes(ownValues, values.length).set(values);
    if (specials) memory.bytes(ownSpecials, specials.length).set(specials);
    memory.bytes(words, mostWords * 2).fill(0);
    const tiles = lastTile - firstTile;
    const perSymbol = header.kind === kinds.pairs ? 2 : 1;
    const rows = Math.ceil((inputs * kernelHeight * kernelWidth) / perSymbol);
    const lastWidth = Math.min(outputTile, outputs - (lastTile - 1) * outputTile);
    const { classesOfTiles, encodeChunks, writeWords } = memory.kernels;
    const range = [header.first, header.last] as const;
    classesOfTiles(ownA, ownShared, tiles, rows, outputTile, lastWidth, ...range, classes);
    const shape = [header.lanes, tiles, rows, outputTile, lastWidth] as const;
    const inputsOfStep = [ownValues, classes, specials ? ownSpecials : 0, codings, stateTables] as const;
    encodeChunks(...inputsOfStep, lanes, ...shape, 1 << log, header.center, chunks);
    const count = writeWords(chunks, lanes, writers, active, ...shape, log, words);
    return memory.bytes(words, count * 2).slice();
  };
}

function packCodings(
  coding: readonly ClassSymbols[],
  log: number,
): { packed: Int32Array; states: Uint16Array } {
  const packed = new Int32Array(coding.length * 256 * CODING_WORDS);
  const states = new Uint16Array(coding.length << log);
  coding.forEach((own, index) => {
    const start = index << log;
    states.set(own.states, start);
    for (let value = 0, at = index * 256 * CODING_WORDS; value < 256; value += 1, at += CODING_WORDS) {
      const place = STATE_BIAS + start + own.offset[value];
      packed[at] = own.bitsRule[value];
      packed[at + 1] = place | (own.raw[value] << 16) | (own.rawBits[value] << 24);
    }
  });
  return { packed, states };
}
