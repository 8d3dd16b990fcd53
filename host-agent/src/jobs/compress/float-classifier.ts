/** The float model's answers, as compression asks for them. */
import { elementCount } from "@sluice/sdk/graph";
import type { FloatGraph } from "@sluice/sdk/graph/float.js";
import { argmax } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";

const BATCH = 32;

/** @returns the classes of `count` images that lie one after the other, as the model reads them */
export function floatClassifier(model: FloatGraph): (images: Float32Array, count: number) => number[] {
  const interpreter = createFloatInterpreter(model, { batch: BATCH });
  const size = elementCount(model.tensors[model.input].shape);
  const classes = elementCount(model.tensors[model.output].shape);
  return (images, count) => {
    const answers: number[] = [];
    for (let first = 0; first < count; first += BATCH) {
      const part = Math.min(BATCH, count - first);
      const logits = interpreter.run(images.subarray(first * size, (first + part) * size), part);
      for (let image = 0; image < part; image += 1) {
        answers.push(argmax(logits.subarray(image * classes, (image + 1) * classes)));
      }
    }
    return answers;
  };
}

/** Share of the labelled images that the float model gets right, 0..1; undefined where none has a label. */
export function floatTop1(
  model: FloatGraph,
  images: Float32Array,
  labels: readonly (number | undefined)[],
): number | undefined {
  const labelled = labels.filter((label) => label !== undefined).length;
  if (labelled === 0) return undefined;
  const answers = floatClassifier(model)(images, labels.length);
  return answers.filter((answer, index) => answer === labels[index]).length / labelled;
}
