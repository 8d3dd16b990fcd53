/**
 * Cross-layer equalisation where it matters: MobileNet v1 x0.25 (visual wake words, float) with 8-bit weights and
 * activations, one scale per layer. Signal to quantisation error of each layer's weights, and how often the integer
 * model agrees with the float one. There is no data set for this model here: inputs are CIFAR-10 pictures enlarged to
 * 96 x 96, training pictures for calibration and test pictures for the comparison.
 *
 *   node bench/equalization.mjs [--images 200] [--calibration 128]
 */
import { parseArgs } from "node:util";
import { importFloatModel } from "@sluice/sdk/import/float";
import { lowerFloatGraph, quantizeModel } from "@sluice/sdk/quantize";
import { argmax, createReference } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { weightSqnr } from "./compress/weight-sqnr.mjs";
import { cifarTestSet, cifarTrainingImages, sharedFile } from "./shared-data.mjs";

const { values } = parseArgs({
  options: { images: { type: "string", default: "200" }, calibration: { type: "string", default: "128" } },
});
const file = "vww_96_float.tflite";
const SIZE = 96;
const FACTOR = SIZE / 32;
const inputEncoding = { kind: "normalize", scale: 1 / 255, mean: [0], std: [1], rounding: "half-away" };

const model = importFloatModel(sharedFile("models", file), { file });
const calibration = Number(values.calibration);
const count = Number(values.images);
const training = enlarge(cifarTrainingImages(calibration, 1), calibration);
const test = enlarge(cifarTestSet(count).pixels, count);
const expected = createFloatInterpreter(model, { batch: count }).run(test, count).slice();

const settings = [
  ["nearest, per tensor", { method: "nearest", perChannel: false }],
  ["equalised, per tensor", { method: "nearest", perChannel: false, equalize: true }],
  ["bias correction, per tensor", { method: "bias-correction", perChannel: false }],
  ["DFQ, per tensor", { method: "dfq", perChannel: false }],
  ["nearest, per channel", { method: "nearest" }],
  ["bias correction, per channel", { method: "bias-correction" }],
  ["activations equalised too", { method: "bias-correction", smoothing: 0.5 }],
];
const ratios = [];
process.stdout.write("setting                       agreement      logits SQNR dB  least weight SQNR dB\n");
for (const [name, options] of settings) {
  const plan = quantizeModel(model, training, calibration, { ...options, random: () => 0.5 });
  const layers = weightSqnr(plan.model ?? model, plan);
  ratios.push([name, layers]);
  const { agreement, decibels } = compare(lowerFloatGraph(model, plan, { inputEncoding }));
  const least = Math.min(...layers.values());
  process.stdout.write(
    `${name.padEnd(30)}${(100 * agreement).toFixed(1).padStart(8)} %${decibels.toFixed(1).padStart(20)}` +
      `${least.toFixed(1).padStart(22)}\n`,
  );
}
process.stdout.write(`\nweight SQNR in dB, layer by layer\n${"layer".padEnd(44)}before  equalised\n`);
for (const [layer, before] of ratios[0][1]) {
  const after = ratios[1][1].get(layer);
  process.stdout.write(
    `${layer.slice(-42).padEnd(44)}${before.toFixed(1).padStart(6)}${after.toFixed(1).padStart(11)}\n`,
  );
}

/** Pixels 0..255 of 32 x 32 as values 0..1 of 96 x 96, every pixel three by three. */
function enlarge(pixels, images) {
  const result = new Float32Array(images * SIZE * SIZE * 3);
  for (let image = 0; image < images; image += 1) {
    for (let y = 0; y < SIZE; y += 1) {
      for (let x = 0; x < SIZE; x += 1) {
        const from = ((image * 32 + Math.floor(y / FACTOR)) * 32 + Math.floor(x / FACTOR)) * 3;
        const to = ((image * SIZE + y) * SIZE + x) * 3;
        for (let c = 0; c < 3; c += 1) result[to + c] = pixels[from + c] / 255;
      }
    }
  }
  return result;
}

/** The integer reference against the float model, on the test pictures. */
function compare(graph) {
  const reference = createReference(graph);
  const input = graph.tensors[graph.input];
  const output = graph.tensors[graph.output];
  const pixels = SIZE * SIZE * 3;
  let agreed = 0;
  let power = 0;
  let error = 0;
  for (let image = 0; image < count; image += 1) {
    const codes = Int32Array.from(test.subarray(image * pixels, (image + 1) * pixels), (value) =>
      Math.min(Math.max(Math.round(value / input.scale) + input.zeroPoint, input.min), input.max),
    );
    const actual = reference.run(codes).output;
    const wanted = expected.subarray(image * actual.length, (image + 1) * actual.length);
    if (argmax(Int32Array.from(actual)) === argmax(wanted)) agreed += 1;
    actual.forEach((code, index) => {
      power += wanted[index] ** 2;
      error += ((code - output.zeroPoint) * output.scale - wanted[index]) ** 2;
    });
  }
  return { agreement: agreed / count, decibels: 10 * Math.log10(power / error) };
}
