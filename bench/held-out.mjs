/**
 * How the drop on held-out training images, which is all the planner sees, relates to the drop on the test set:
 * ResNet-20, rate-distortion at three prices, both measured on the emulated overlay.
 *
 *   node bench/held-out.mjs [--images N] [--limit N] [--calibration N]
 */
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { importFloatModel } from "@sluice/sdk/import/float";
import { codedSize, lowerFloatGraph, quantizeModel } from "@sluice/sdk/quantize";
import { correctInFloat, correctOnOverlay } from "./compress/evaluate.mjs";
import { models, preprocess } from "./compress/models.mjs";
import { cifarTestSet, cifarTrainingImages, sharedFile } from "./shared-data.mjs";

const RECORD_BYTES = 3073;
const { values } = parseArgs({
  options: {
    images: { type: "string", default: "4000" },
    limit: { type: "string", default: "10000" },
    calibration: { type: "string", default: "512" },
  },
});
const { file, encoding } = models.resnet20;
const model = importFloatModel(sharedFile("models", file), { file });
const count = Number(values.calibration);
const images = preprocess(cifarTrainingImages(count, 1), encoding);
const sets = [heldOut(Number(values.images)), cifarTestSet(Number(values.limit))];
const top1 = (correct, set) => (100 * correct) / set.count;
const float = sets.map((set) => top1(correctInFloat(model, encoding, set), set));
process.stdout.write(`float: held out ${float[0].toFixed(2)} %, test ${float[1].toFixed(2)} %\n`);
for (const lambda of [1e-5, 4e-5, 1e-4]) {
  const plan = quantizeModel(model, images, count, { lambda, random: seeded(1) });
  const inputEncoding = { kind: "normalize", ...encoding, rounding: "half-away" };
  const graph = lowerFloatGraph(model, plan, { inputEncoding });
  const { bitsPerWeight } = codedSize(model, plan, graph);
  const drops = [];
  for (const [index, set] of sets.entries()) {
    drops.push(float[index] - top1(await correctOnOverlay(graph, set), set));
  }
  const [held, test] = drops;
  process.stdout.write(
    `lambda ${lambda}: ${bitsPerWeight.toFixed(3)} b/w, drop held out ${held.toFixed(2)}, test ${test.toFixed(2)}, ratio ${(held / test).toFixed(2)}\n`,
  );
}

/** Training images of another batch than the calibration's. */
function heldOut(limit) {
  const records = gunzipSync(sharedFile("data", "cifar10", "data_batch_2.bin.gz"));
  const labels = Uint8Array.from({ length: limit }, (_, index) => records[index * RECORD_BYTES]);
  return { count: limit, labels, pixels: cifarTrainingImages(limit, 2), pixelsPerImage: 3072 };
}

function seeded(seed) {
  let state = seed;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
