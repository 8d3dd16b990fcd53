/** ADD through the WASM kernel: words are read where they lie, so the output may take the place of an input. */
import type { AddWork, PreparedCompute } from "../engine.js";
import { BLOCK_BYTES, placeParameters } from "./parameter-block.js";
import type { WasmEngine } from "./wasm-engine.js";
import { rowsPerSlice, wordOffsets } from "./windowed.js";

export function wasmAdd(engine: WasmEngine, work: AddWork): PreparedCompute {
  const { arena, kernel, geometry, activationBase } = engine;
  const { input, second, outputs, requantize } = work;
  const [{ height, width, channels, words }] = outputs;
  const rows = rowsPerSlice(height, width);
  const [offsets0, offsets1, ...outputOffsets] = [input, second, ...outputs].map((view) =>
    arena.placeInt32(wordOffsets(view, rows, geometry)),
  );
  const [table0, table1] = work.addends.map((table) => arena.placeInt32(table));
  const parameters = placeParameters(requantize, channels, outputs.length, arena);
  const accumulators = engine.scratch("accumulators", (rows * width + 3) * 32);
  const [bias] = requantize.bias;
  return {
    slices: Math.ceil(height / rows),
    run(slice) {
      const first = slice * rows;
      const pixels = Math.min(rows, height - first) * width;
      for (let word = 0; word < words; word += 1) {
        const word0 = activationBase + input.start + first * input.rowBytes + word * input.wordStride;
        const word1 = activationBase + second.start + first * second.rowBytes + word * second.wordStride;
        kernel.addTables(word0, offsets0, word1, offsets1, pixels, table0, table1, bias, accumulators);
        for (let output = 0; output < outputs.length; output += 1) {
          const view = outputs[output];
          kernel.requantize(
            accumulators,
            pixels,
            outputOffsets[output],
            activationBase + view.start + first * view.rowBytes + word * view.wordStride,
            parameters.address + word * BLOCK_BYTES,
            parameters.descriptors[output],
          );
        }
      }
    },
  };
}
