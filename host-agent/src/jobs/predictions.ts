/** Which classes the first inputs got, by name where names are known. */

import { NAMED_IMAGES } from "./compare-logits.js";
import type { Verification } from "./deploy-job.js";
import type { DeployResult } from "./deploy-result.js";

const SHOWN_CLASSES = 3;

/** Nothing for whole data sets: there the accuracy says it. Highest logits first; equal logits in the order of their index. */
export function topPredictions(
  { comparison }: Verification,
  labels: readonly string[] | undefined,
): DeployResult["predictions"] {
  if (labels === undefined || comparison.images === 0 || comparison.images > NAMED_IMAGES) return [];
  const classes = comparison.logits.length / comparison.images;
  return comparison.names.map((input, image) => {
    const logits = Array.from(comparison.logits.subarray(image * classes, (image + 1) * classes));
    const order = logits.map((_, index) => index).sort((a, b) => logits[b] - logits[a] || a - b);
    const top = order
      .slice(0, SHOWN_CLASSES)
      .map((index) => ({ index, label: labels[index] ?? `class ${index}`, logit: logits[index] }));
    return { input, top };
  });
}
