// Makes the default model: draws images, trains ResNet-8, keeps the float parameters in sdk/build/.
//
//   node sdk/scripts/train-default.mjs [--seed 20] [--steps 1200] [--batch 32] [--rate 0.003] [--out FILE]
//
// Afterwards: node sdk/scripts/quantize-default.mjs
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { TRAINING_SEED } from "../dist/train/default-test-set.js";
import { serializeParameters } from "../dist/train/parameter-file.js";
import { loadTensorflow } from "../dist/train/tensorflow.js";
import { trainResNet8 } from "../dist/train/train-resnet8.js";

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: `${TRAINING_SEED}` },
    steps: { type: "string", default: "1200" },
    batch: { type: "string", default: "32" },
    rate: { type: "string", default: "0.003" },
    out: { type: "string", default: fileURLToPath(new URL("../build/resnet8-shapes.f32", import.meta.url)) },
  },
});
const [seed, steps, batch, learningRate] = [options.seed, options.steps, options.batch, options.rate].map(
  Number,
);

const tf = await loadTensorflow();
mkdirSync(dirname(options.out), { recursive: true });
const started = performance.now();
let recent = 0;
const parameters = trainResNet8(tf, {
  seed,
  steps,
  batch,
  learningRate,
  onStep: (step, loss, current) => {
    recent = step === 0 ? loss : recent * 0.95 + loss * 0.05;
    if ((step + 1) % 25 !== 0 && step + 1 !== steps) return;
    const seconds = (performance.now() - started) / 1000;
    const rate = ((step + 1) * batch) / seconds;
    console.log(
      `step ${step + 1}/${steps}  loss ${recent.toFixed(4)}  ${rate.toFixed(0)} images/s  ${seconds.toFixed(0)} s`,
    );
    if ((step + 1) % 200 === 0) writeFileSync(options.out, serializeParameters(current));
  },
});
writeFileSync(options.out, serializeParameters(parameters));
console.log(
  `seed ${seed}, ${steps} steps of ${batch}: ${((performance.now() - started) / 1000).toFixed(0)} s`,
);
console.log(`wrote ${options.out}`);
