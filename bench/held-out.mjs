/**
 * Rate-distortion measured on held-out training images, which is all the planner and whoever chooses settings may see:
 * how far the integer logits lie from the float ones. With --limit also the drop there against that on the test set.
 * Everything on the emulated overlay.
 *
 *   node bench/held-out.mjs [--model resnet20|resnet8] [--lambda 1e-5,4e-5,1e-4] [--calibration N] [--positions N]
 *                           [--images N] [--limit N] [--mirrored]
 *
 *   --limit     test images; default 0, none
 *   --mirrored  calibration on the mirror images, too
 */
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { importFloatModel } from "@sluice/sdk/import/float";
import {
  codedSize,
  defaultWeightOptions,
  lowerFloatGraph,
  quantizeModel,
  withMirrored,
} from "@sluice/sdk/quantize";
import { argmax } from "@sluice/sdk/reference";
import { logitsInFloat, logitsOnOverlay } from "./compress/evaluate.mjs";
import { models, preprocess } from "./compress/models.mjs";
import { seeded } from "./seeded-random.mjs";
import { cifarTestSet, cifarTrainingImages, sharedFile } from "./shared-data.mjs";

const RECORD_BYTES = 3073;
const { values } = parseArgs({
  options: {
    model: { type: "string", default: "resnet20" },
    lambda: { type: "string", default: "1e-5,4e-5,1e-4" },
    calibration: { type: "string", default: "512" },
    positions: { type: "string", default: String(defaultWeightOptions.positions) },
    images: { type: "string", default: "4000" },
    limit: { type: "string", default: "0" },
    mirrored: { type: "boolean", default: false },
  },
});
const { file, encoding } = models[values.model];
const model = importFloatModel(sharedFile("models", file), { file });
const drawn = Number(values.calibration);
const positions = Number(values.positions);
const pictures = preprocess(cifarTrainingImages(drawn, 1), encoding);
const images = values.mirrored ? withMirrored(pictures, drawn, model.tensors[model.input].shape) : pictures;
const count = values.mirrored ? 2 * drawn : drawn;
const sets = [heldOut(Number(values.images))];
if (Number(values.limit) > 0) sets.push(cifarTestSet(Number(values.limit)));
const float = sets.map((set) => logitsInFloat(model, encoding, set));
const exact = sets.map((set, index) => top1(float[index], set));
process.stdout.write(
  `float: held out ${exact[0].toFixed(2)} %${exact[1] ? `, test ${exact[1].toFixed(2)} %` : ""}\n`,
);
for (const lambda of values.lambda.split(",").map(Number)) {
  const started = performance.now();
  const plan = quantizeModel(model, images, count, { lambda, positions, random: seeded(1) });
  const seconds = (performance.now() - started) / 1000;
  const inputEncoding = { kind: "normalize", ...encoding, rounding: "half-away" };
  const graph = lowerFloatGraph(model, plan, { inputEncoding });
  const { bitsPerWeight } = codedSize(model, plan, graph);
  const logits = await Promise.all(sets.map((set) => logitsOnOverlay(graph, set)));
  const drops = sets.map((set, index) => exact[index] - top1(logits[index], set));
  const { squaredError, divergence, agreement } = compare(logits[0], float[0], sets[0].count);
  process.stdout.write(
    `lambda ${lambda}: ${bitsPerWeight.toFixed(4)} b/w in ${seconds.toFixed(0)} s; held out: squared logit error ${squaredError.toFixed(2)}, ` +
      `KL divergence ${divergence.toFixed(5)}, agreement ${agreement.toFixed(2)} %, drop ${drops[0].toFixed(2)}` +
      `${drops.length > 1 ? `; test: drop ${drops[1].toFixed(2)}` : ""}\n`,
  );
}

function top1(logits, set) {
  const classes = logits.length / set.count;
  let correct = 0;
  for (let image = 0; image < set.count; image += 1) {
    if (argmax(logits.subarray(image * classes, (image + 1) * classes)) === set.labels[image]) correct += 1;
  }
  return (100 * correct) / set.count;
}

/** Means over images: squared error of the logits less their common shift, KL(float || integer), equal answers. */
function compare(logits, exact, images) {
  const classes = logits.length / images;
  let squaredError = 0;
  let divergence = 0;
  let equal = 0;
  for (let image = 0; image < images; image += 1) {
    const a = exact.subarray(image * classes, (image + 1) * classes);
    const b = logits.subarray(image * classes, (image + 1) * classes);
    const shift = b.reduce((sum, value, index) => sum + value - a[index], 0) / classes;
    const [p, q] = [a, b].map(logSoftmax);
    for (let index = 0; index < classes; index += 1) {
      squaredError += (b[index] - a[index] - shift) ** 2;
      divergence += Math.exp(p[index]) * (p[index] - q[index]);
    }
    if (argmax(a) === argmax(b)) equal += 1;
  }
  return {
    squaredError: squaredError / images,
    divergence: divergence / images,
    agreement: (100 * equal) / images,
  };
}

function logSoftmax(logits) {
  const largest = Math.max(...logits);
  const sum = logits.reduce((all, value) => all + Math.exp(value - largest), 0);
  return Float64Array.from(logits, (value) => value - largest - Math.log(sum));
}

/** Training images of another batch than the calibration's. */
function heldOut(limit) {
  const records = gunzipSync(sharedFile("data", "cifar10", "data_batch_2.bin.gz"));
  const labels = Uint8Array.from({ length: limit }, (_, index) => records[index * RECORD_BYTES]);
  return { count: limit, labels, pixels: cifarTrainingImages(limit, 2), pixelsPerImage: 3072 };
}
