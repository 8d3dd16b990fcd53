/**
 * Speed of the bit-exact reference on one core: frames and multiply-accumulates per second of wall time and of
 * processor time (what an idle machine would give).
 *
 *   node bench/reference.mjs [model ...]      file names in the shared models folder
 */
import { graphMacs } from "@sluice/sdk/graph";
import { importModel } from "@sluice/sdk/import";
import { defaultPreprocessing, encodePixels } from "@sluice/sdk/preprocess";
import { createReference } from "@sluice/sdk/reference";
import { sharedFile } from "./shared-data.mjs";

const SECONDS = 4;
const given = process.argv.slice(2);
const models =
  given.length > 0
    ? given
    : [
        "resnet8.onnx",
        "resnet20_a8w8b16.onnx",
        "pretrainedResnet_quant.tflite",
        "mobilenet_v1_vww_a8w8.onnx",
      ];

process.stdout.write(
  `${"model".padEnd(34)}${"MMAC".padStart(8)}${"frames/s".padStart(10)}${"GMAC/s".padStart(8)}${"frames/cpu s".padStart(14)}${"GMAC/cpu s".padStart(12)}\n`,
);
for (const file of models) {
  const graph = importModel(sharedFile("models", file), { file });
  const reference = createReference(graph);
  const shape = graph.tensors[graph.input].shape;
  const pixels = Uint8Array.from(
    { length: shape[0] * shape[1] * shape[2] },
    (_, index) => (index * 31) % 256,
  );
  const input = encodePixels(pixels, defaultPreprocessing(graph), graph);
  for (let warmUp = 0; warmUp < 5; warmUp += 1) reference.run(input);
  let frames = 0;
  const start = performance.now();
  const processorStart = process.cpuUsage();
  while (performance.now() - start < SECONDS * 1000) {
    reference.run(input);
    frames += 1;
  }
  const macs = graphMacs(graph);
  const rate = (frames * 1000) / (performance.now() - start);
  const { user, system } = process.cpuUsage(processorStart);
  const processorRate = (frames * 1e6) / (user + system);
  process.stdout.write(
    `${file.padEnd(34)}${(macs / 1e6).toFixed(1).padStart(8)}${rate.toFixed(1).padStart(10)}` +
      `${((rate * macs) / 1e9).toFixed(2).padStart(8)}${processorRate.toFixed(1).padStart(14)}` +
      `${((processorRate * macs) / 1e9).toFixed(2).padStart(12)}\n`,
  );
}
