/** What the classes of a fit have to code. */
import { type FitLayer, type Offsets, sharedOffsets } from "./weight-passes.js";

/** How often classes meet each value, with the weight of every occurrence. */
export class ClassHistograms {
  readonly #counts: Float64Array;

  constructor(readonly classes: number) {
    this.#counts = new Float64Array(classes * 256);
  }

  /** Adds the values of every stride-th output channel. */
  add(layer: FitLayer, offsets: Offsets, weight = 1, stride = 1): this {
    const { outputs, values, rowInput } = layer;
    const rows = rowInput.length;
    const shared = sharedOffsets(layer, offsets);
    const counts = this.#counts;
    const last = this.classes - 1;
    for (let output = 0; output < outputs; output += stride) {
      const a = offsets.a[output];
      for (let row = 0, at = output * rows; row < rows; row += 1, at += 1) {
        const own = Math.min(Math.max(a + shared[row], 0), last);
        counts[(own << 8) | values[at]] += weight;
      }
    }
    return this;
  }

  /** Of each class, by value. */
  get all(): Float64Array[] {
    return Array.from({ length: this.classes }, (_, own) => this.#counts.subarray(own << 8, (own + 1) << 8));
  }
}
