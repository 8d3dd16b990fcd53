/** A first look at the float model, before minutes of work on one whose inputs are not what it was trained on. */
import type { InputEncoding } from "@sluice/sdk/graph";
import { elementCount } from "@sluice/sdk/graph";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import { argmax } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import type { Dataset } from "../../datasets/index.js";
import { floatInput } from "./model-inputs.js";

/** Share of labelled images at `positions` that the float model gets right, 0..1; undefined where none has a label. */
export async function floatTop1(
  model: FloatGraph,
  encoding: InputEncoding,
  dataset: Dataset,
  positions: readonly number[],
): Promise<number | undefined> {
  const interpreter = createFloatInterpreter(model, { batch: 1 });
  const toFloat = floatInput(model, encoding);
  const classes = elementCount(model.tensors[model.output].shape);
  let labelled = 0;
  let right = 0;
  for (const position of positions) {
    const { image, label, name } = await dataset.get(position);
    if (label === undefined) continue;
    labelled += 1;
    const logits = interpreter.run(Float32Array.from(toFloat(image, name)), 1);
    if (argmax(logits.subarray(0, classes)) === label) right += 1;
  }
  return labelled === 0 ? undefined : right / labelled;
}
