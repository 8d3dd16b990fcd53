/**
 * ADD through the WASM kernel: the outcome of all 65,536 pairs of codes is computed once, by the same stages as
 * everything else, and then looked up. Words are read where they lie, so the output may take the place of an input.
 */
import type { AddWork, PreparedCompute } from "../engine.js";
import { LANES, RequantizerFactory } from "./requantizer.js";
import type { WasmEngine } from "./wasm-engine.js";
import { rowsPerSlice, wordOffsets } from "./windowed.js";

const CODES = 256;
const PAIRS = CODES * CODES;

export function wasmAdd(engine: WasmEngine, work: AddWork): PreparedCompute {
  const { arena, kernel, geometry, activationBase } = engine;
  const { input, second, outputs } = work;
  const [{ height, width, channels, words }] = outputs;
  const rows = rowsPerSlice(height, width);
  const [offsets0, offsets1, ...outputOffsets] = [input, second, ...outputs].map((view) =>
    arena.placeInt32(wordOffsets(view, rows, geometry)),
  );
  const tables = pairTables(engine, work);
  const masks = Array.from({ length: words }, (_, word) => {
    const mask = arena.allocate(LANES);
    arena
      .bytes(mask, LANES)
      .fill(0)
      .fill(0xff, 0, Math.min(LANES, channels - word * LANES));
    return mask;
  });
  return {
    slices: Math.ceil(height / rows),
    run(slice) {
      const first = slice * rows;
      const pixels = Math.min(rows, height - first) * width;
      // Second output first: the first one may overwrite an input.
      for (let word = 0; word < words; word += 1) {
        const word0 = activationBase + input.start + first * input.rowBytes + word * input.wordStride;
        const word1 = activationBase + second.start + first * second.rowBytes + word * second.wordStride;
        for (let output = outputs.length - 1; output >= 0; output -= 1) {
          const view = outputs[output];
          const target = activationBase + view.start + first * view.rowBytes + word * view.wordStride;
          const offsets = outputOffsets[output];
          const table = tables[output];
          kernel.addPairs(word0, offsets0, word1, offsets1, pixels, table, target, offsets, masks[word]);
        }
      }
    },
  };
}

/** Addresses of one table per output: the code of each pair, both codes taken as unsigned bytes. */
function pairTables(engine: WasmEngine, { addends, outputs, requantize }: AddWork): number[] {
  const { arena, kernel } = engine;
  const [bias] = requantize.bias;
  const reach = addends.map((table) => table.reduce((most, addend) => Math.max(most, Math.abs(addend)), 0));
  const bound = Math.abs(bias) + reach[0] + reach[1];
  const factory = new RequantizerFactory(kernel, arena, requantize);
  // Every lane carries a pair of codes, not a channel: all eight exist.
  const [{ stageA, stageB }] = factory.words(LANES, outputs.length, () => bound);
  const words = PAIRS / LANES;
  const accumulators = engine.scratch("accumulators", PAIRS * 4);
  const offsets = engine.scratch("pairs", words * 4);
  const tables = outputs.map(() => arena.allocate(PAIRS));
  arena.int32(offsets, words).forEach((_, word, list) => {
    list[word] = word * LANES;
  });
  const sums = arena.int32(accumulators, PAIRS);
  for (let code0 = 0; code0 < CODES; code0 += 1) {
    const row = bias + addends[0][(code0 + CODES / 2) % CODES];
    for (let code1 = 0; code1 < CODES; code1 += 1) {
      sums[code0 * CODES + code1] = row + addends[1][(code1 + CODES / 2) % CODES];
    }
  }
  stageA(accumulators, words);
  tables.forEach((table, output) => {
    stageB[output](accumulators, words, offsets, table);
  });
  return tables;
}
