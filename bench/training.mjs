// Training speed of ResNet-8 on the WASM backend: images a second, and where a step spends its time.
//
//   node bench/training.mjs [--batch 32] [--steps 10]
import { parseArgs } from "node:util";
import { loadTensorflow } from "../sdk/dist/train/tensorflow.js";
import { trainResNet8 } from "../sdk/dist/train/train-resnet8.js";

const { values: options } = parseArgs({
  options: { batch: { type: "string", default: "32" }, steps: { type: "string", default: "10" } },
});
const [batch, steps] = [options.batch, options.steps].map(Number);
const WARM_UP = 3;

const tf = await loadTensorflow();
const own = new Map(); // kernel name -> milliseconds without the kernels it calls itself
const inner = [];
for (const kernel of tf.getKernelsForBackend("wasm")) {
  const { kernelFunc, kernelName } = kernel;
  kernel.kernelFunc = (call) => {
    const started = performance.now();
    inner.push(0);
    const result = kernelFunc(call);
    const spent = performance.now() - started;
    own.set(kernelName, (own.get(kernelName) ?? 0) + spent - inner.pop());
    if (inner.length > 0) inner[inner.length - 1] += spent;
    return result;
  };
}
let started = 0;
trainResNet8(tf, {
  seed: 1,
  steps: WARM_UP + steps,
  batch,
  learningRate: 1e-3,
  onStep: (step) => {
    if (step + 1 !== WARM_UP) return;
    own.clear();
    started = performance.now();
  },
});
const total = (performance.now() - started) / steps;
console.log(
  `ResNet-8, batch ${batch}: ${total.toFixed(0)} ms a step, ${((batch * 1000) / total).toFixed(0)} images/s`,
);
const rows = [...own].map(([name, spent]) => [name, spent / steps]).sort((a, b) => b[1] - a[1]);
const kernels = rows.reduce((sum, [, spent]) => sum + spent, 0);
rows.push(["(drawing images, optimiser, tape)", total - kernels]);
for (const [name, spent] of rows.filter(([, ms]) => ms >= total / 100)) {
  console.log(
    `${spent.toFixed(1).padStart(8)} ms  ${((100 * spent) / total).toFixed(0).padStart(3)} %  ${name}`,
  );
}
