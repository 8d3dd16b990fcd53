/** Training images that calibration never saw, and what a compressed model loses on them. */
import type { Graph, InputEncoding } from "@sluice/sdk/graph";
import { elementCount } from "@sluice/sdk/graph";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { createInputEncoder, defaultPreprocessing } from "@sluice/sdk/preprocess";
import { argmax } from "@sluice/sdk/reference";
import type { Dataset, DatasetItem } from "../../datasets/index.js";
import { ReferencePool } from "../reference-pool.js";
import { floatClassifier } from "./float-classifier.js";
import { floatInput } from "./model-inputs.js";

/** Images a model is given at once. */
const SHARE = 64;

export interface HeldOutResult {
  /** Top-1 points below the float model; of unlabelled images, those that change class. */
  readonly drop: number;
  /** Share of images on which both give the same class. */
  readonly agreement: number;
}

/** The float model's answers are taken once; every integer graph is then held against them. */
export class HeldOut {
  private constructor(
    private readonly items: readonly DatasetItem[],
    private readonly float: readonly number[],
    private readonly geometry: OverlayGeometry,
    private readonly workers: number,
  ) {}

  static async read(
    model: FloatGraph,
    encoding: InputEncoding,
    dataset: Dataset,
    positions: readonly number[],
    { geometry, workers }: { readonly geometry: OverlayGeometry; readonly workers: number },
  ): Promise<HeldOut> {
    const items: DatasetItem[] = [];
    for (const position of positions) items.push(await dataset.get(position));
    const size = elementCount(model.tensors[model.input].shape);
    const toFloat = floatInput(model, encoding);
    const classify = floatClassifier(model);
    const float: number[] = [];
    for (let first = 0; first < items.length; first += SHARE) {
      const part = items.slice(first, first + SHARE);
      const batch = new Float32Array(part.length * size);
      part.forEach(({ image, name }, index) => {
        batch.set(toFloat(image, name), index * size);
      });
      float.push(...classify(batch, part.length));
    }
    return new HeldOut(items, float, geometry, workers);
  }

  get count(): number {
    return this.items.length;
  }

  async measure(graph: Graph): Promise<HeldOutResult> {
    const { items, float } = this;
    const size = elementCount(graph.tensors[graph.input].shape);
    const classes = elementCount(graph.tensors[graph.output].shape);
    const encoder = createInputEncoder(defaultPreprocessing(graph), graph);
    const integer: number[] = [];
    const pool = new ReferencePool({ graph, layers: [], geometry: this.geometry }, this.workers);
    try {
      const runs: Promise<void>[] = [];
      for (let first = 0; first < items.length; first += SHARE) {
        const part = items.slice(first, first + SHARE);
        const codes = new Int32Array(part.length * size);
        part.forEach(({ image, name }, index) => {
          codes.set(encoder.encode(image, name), index * size);
        });
        runs.push(
          pool.run(codes, part.length, false).then(({ outputs }) => {
            part.forEach((_, index) => {
              integer[first + index] = argmax(outputs.subarray(index * classes, (index + 1) * classes));
            });
          }),
        );
      }
      await Promise.all(runs);
    } finally {
      await pool.close();
    }
    let lost = 0;
    let equal = 0;
    items.forEach(({ label }, index) => {
      const expected = label ?? float[index];
      lost += Number(float[index] === expected) - Number(integer[index] === expected);
      equal += Number(float[index] === integer[index]);
    });
    const count = Math.max(1, items.length);
    return { drop: (100 * lost) / count, agreement: equal / count };
  }
}
