/** POOL through the WASM kernel. */
import type { PoolWork, PreparedCompute } from "../engine.js";
import type { WasmEngine } from "./wasm-engine.js";
import { prepareWindowed } from "./windowed.js";

export function wasmPool(engine: WasmEngine, work: PoolWork): PreparedCompute {
  // A sum takes nothing from outside the input, which is what a padding of 0 adds.
  const padValue = work.average ? 0 : work.window.padValue;
  const { taps } = work.window;
  const bound = work.average ? Math.abs(work.requantize.bias[0]) + 128 * taps : 128;
  return prepareWindowed(
    engine,
    work,
    padValue,
    () => bound,
    (plan) => {
      const { arena, kernel } = engine;
      const tapOffsets = arena.placeInt32(plan.tapOffsets);
      const { widened, pixelOffsets, accumulators } = plan;
      if (work.average) {
        return (word, pixels, bias) =>
          kernel.poolSum(widened + word * 16, pixelOffsets, pixels, tapOffsets, taps, bias, accumulators);
      }
      return (word, pixels) =>
        kernel.poolMax(widened + word * 16, pixelOffsets, pixels, tapOffsets, taps, accumulators);
    },
  );
}
