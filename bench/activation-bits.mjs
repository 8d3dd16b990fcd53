/**
 * 4-bit activations, setting by setting: what the integer pipeline (emulated overlay) does to the logits of training
 * images that calibration never saw. The settings of the rows W8A4 and W4A4 are chosen here, not on the test set.
 *
 *   node bench/activation-bits.mjs [--only REGEXP] [--model resnet20] [--draw 1] [--calibration N] [--images N]
 *
 * agree: same class as the float model; KL: mean divergence of the classes' probabilities from the float model's, in
 * thousandths; dB: power of the float logits (less their mean) over that of the difference; cycles: of one frame.
 */
import { parseArgs } from "node:util";
import { defaultCodec } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { importFloatModel } from "@sluice/sdk/import/float";
import { kv260Geometry } from "@sluice/sdk/overlay";
import { lowerFloatGraph, quantizeModel } from "@sluice/sdk/quantize";
import { argmax } from "@sluice/sdk/reference";
import { logitsInFloat, logitsOnOverlay } from "./compress/evaluate.mjs";
import { models, preprocess } from "./compress/models.mjs";
import { seeded } from "./seeded-random.mjs";
import { cifarTrainingImages, sharedFile } from "./shared-data.mjs";

/** Calibration takes the first of each batch, at most 2,048; these lie behind them. */
const HELD_OUT_BATCH = 1;
const HELD_OUT_FROM = 4000;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    model: { type: "string", default: "resnet20" },
    draw: { type: "string", default: "1" },
    calibration: { type: "string", default: "512" },
    images: { type: "string", default: "4000" },
  },
});
const { file, encoding } = models[values.model];
const model = importFloatModel(sharedFile("models", file), { file });
const count = Number(values.calibration);
const calibration = preprocess(cifarTrainingImages(count, Number(values.draw)), encoding);
const held = Number(values.images);
const training = cifarTrainingImages(HELD_OUT_FROM + held, HELD_OUT_BATCH);
const set = { count: held, pixels: training.subarray(HELD_OUT_FROM * 3072), pixelsPerImage: 3072 };
const float = logitsInFloat(model, encoding, set);
const classes = float.length / held;

const four = { method: "gram", activationBits: 4 };
const settings = [
  ["W8A8", { method: "gram", bits: 8 }],
  ["W8A4 plain", { ...four, bits: 8, range: { kind: "percentile", share: 1 } }],
  ...[0.5, 1].flatMap((channelShare) =>
    [0.02, 0.002].flatMap((ridge) =>
      [8, 4].map((bits) => [
        `W${bits}A4 channels ${channelShare} ridge ${ridge}`,
        { ...four, bits, channelShare, ridge },
      ]),
    ),
  ),
];
const wanted = new RegExp(values.only, "i");
print(
  `${"setting".padEnd(36)}${"agree %".padStart(9)}${"KL".padStart(8)}${"dB".padStart(7)}${"cycles".padStart(9)}${"s".padStart(6)}`,
);
for (const [name, options] of settings.filter(([text]) => wanted.test(text))) {
  const started = performance.now();
  const plan = quantizeModel(model, calibration, count, { ...options, random: seeded(Number(values.draw)) });
  const seconds = (performance.now() - started) / 1000;
  const inputEncoding = { kind: "normalize", ...encoding, rounding: "half-away" };
  const graph = lowerFloatGraph(plan.model ?? model, plan, { inputEncoding });
  const { cyclesPerFrame } = compile(graph, { geometry: kv260Geometry, codec: defaultCodec }).plan;
  const { agreement, divergence, decibels } = compare(await logitsOnOverlay(graph, set));
  print(
    name.padEnd(36) +
      (100 * agreement).toFixed(2).padStart(9) +
      (1000 * divergence).toFixed(2).padStart(8) +
      decibels.toFixed(2).padStart(7) +
      String(cyclesPerFrame).padStart(9) +
      seconds.toFixed(0).padStart(6),
  );
}

function compare(integer) {
  let agreed = 0;
  let divergence = 0;
  let power = 0;
  let error = 0;
  for (let image = 0; image < held; image += 1) {
    const row = (logits) => logits.subarray(image * classes, (image + 1) * classes);
    const [wantedRow, actualRow] = [row(float), row(integer)];
    if (argmax(wantedRow) === argmax(actualRow)) agreed += 1;
    const [p, q] = [softmax(wantedRow), softmax(actualRow)];
    p.forEach((share, index) => {
      divergence += share * Math.log(share / q[index]);
    });
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / classes;
    const [a, b] = [mean(wantedRow), mean(actualRow)];
    wantedRow.forEach((value, index) => {
      power += (value - a) ** 2;
      error += (value - a - (actualRow[index] - b)) ** 2;
    });
  }
  return {
    agreement: agreed / held,
    divergence: divergence / held,
    decibels: 10 * Math.log10(power / error),
  };
}

function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Float64Array.from(logits, (value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
