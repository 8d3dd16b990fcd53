/** Requantises the accumulators of one pixel and writes its words into one or both outputs. */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import type { RequantizePlan } from "../requantize-plan.js";
import { pixelAddress, type TensorView } from "../tensor-view.js";
import { stageA, toCode } from "./requantize.js";

/**
 * @param accumulators of channels `first`, `first + 1`, ...; `first` is the first channel of a word
 * @param count        how many; the rest of the last word becomes 0
 */
export function writePixel(
  activation: Uint8Array,
  outputs: readonly TensorView[],
  plan: RequantizePlan,
  y: number,
  x: number,
  first: number,
  count: number,
  accumulators: Int32Array,
  geometry: OverlayGeometry,
): void {
  const { inputs } = geometry;
  const shared = plan.multiplier.length === 1;
  outputs.forEach((view, output) => {
    const table = plan.tables[output];
    const pixel = pixelAddress(view, y, x, geometry);
    for (let index = 0; index < count; index += inputs) {
      const word = pixel + ((first + index) / inputs) * view.wordStride;
      for (let lane = 0; lane < inputs; lane += 1) {
        const at = index + lane;
        if (at >= count) {
          activation[word + lane] = 0;
          continue;
        }
        const channel = shared ? 0 : first + at;
        activation[word + lane] = toCode(plan, channel, stageA(plan, channel, accumulators[at]), table);
      }
    }
  });
}
