/**
 * The reference thesis's two tables on the public models: what compression saves per network, and the block memory of
 * the largest layers stored and compressed, decoder included.
 *   node bench/thesis-tables.mjs
 *
 * Its figures are percent of weight memory saved by gzip per convolution. Its weights are not public, except ResNet-8's first
 * layer: the models here are other files of the same networks, so figures may differ for that reason alone.
 */
import { gzipSync } from "node:zlib";
import { ansCodec, BRAM_BYTES, bramOf, deflateCodec, reportCodecs } from "@sluice/sdk/codec";
import { modelLayers } from "./codec-models.mjs";
import { sharedFile } from "./shared-data.mjs";

const networks = [
  { name: "ResNet-20", file: "resnet20_a8w8b16.onnx", published: 25.4 },
  { name: "MobileNet v1", file: "mobilenet_v1_0.5_160_quant.tflite", published: 23.7 },
  {
    name: "MobileNet v1, x1.0",
    file: "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite",
    published: 23.7,
  },
  { name: "MobileNet v2", file: "mobilenet_v2_1.0_224_quant.tflite", published: 24.2 },
  { name: "MobileNet v2, 6 bit", file: "mobilenet_v2_a8w6b32.onnx", published: 24.2 },
];
const LARGEST = 3;
/** 32 KiB that a DEFLATE decoder looks back at. */
const WINDOW_BYTES = 32_768;

const cell = (value, width = 10) => String(value).padStart(width);
const percent = (value) => `${value.toFixed(1)} %`;

const measured = networks.map((network) => {
  const layers = modelLayers(network.file);
  return { ...network, report: reportCodecs(layers, { codecs: [deflateCodec, ansCodec] }) };
});

console.log("Table 1. Weight memory saved, all layers, everything counted\n");
console.log(
  `${"network".padEnd(22)}${["weights", "thesis", "gzip -9", "ans"].map((title) => cell(title)).join("")}  file`,
);
for (const { name, file, published, report } of measured) {
  const ans = report.totals.find(({ codec }) => codec === "ans");
  console.log(
    `${name.padEnd(22)}${cell(report.weights)}${cell(percent(published))}${cell(percent(100 - report.gzip * 12.5))}${cell(percent(ans.saved))}  ${file}`,
  );
}
firstLayer();
console.log(
  "\nThe thesis also gives ResNet-50 37.5 % and ResNet-18 36.3 %; there is no 8-bit file of either here to measure.\n",
);

console.log(
  `Table 2. The ${LARGEST} largest layers in block memory of ${BRAM_BYTES} bytes, decoder included\n`,
);
console.log(
  `${"network".padEnd(22)}${"layer".padEnd(34)}${["bytes", "gzip -9", "ans", "stored", "gzip", "ans"].map((title) => cell(title, 9)).join("")}`,
);
console.log(`${"".padEnd(56)}${cell("", 27)}${cell("BRAM", 9)}${cell("BRAM", 9)}${cell("BRAM", 9)}`);
for (const { name, report } of measured) {
  const decoder = report.totals.find(({ codec }) => codec === "ans").decoderBram;
  const largest = [...report.layers].sort((left, right) => right.weights - left.weights).slice(0, LARGEST);
  for (const layer of largest) {
    const cells = [
      layer.weights,
      layer.gzipBytes,
      layer.bytes.ans,
      layer.bramStored,
      bramOf(layer.gzipBytes) + bramOf(WINDOW_BYTES),
      bramOf(layer.bytes.ans) + decoder,
    ];
    console.log(
      `${name.padEnd(22)}${layer.name.split(";")[0].slice(-32).padEnd(34)}${cells.map((value) => cell(value, 9)).join("")}`,
    );
  }
}
console.log(`
What differs: the decoders are counted by memory alone, at the least that works: DEFLATE's 32 KiB window (${bramOf(WINDOW_BYTES)} BRAM), and for ans
the tables of one pair of lanes (two ports of the same blocks). The tables serve every layer of a model, so a design that keeps
all layers in block memory pays for them once; each further pair of lanes costs the same again. Sluice itself keeps the
weights in DDR and decodes each once per frame, so these blocks are a comparison, not what the overlay uses.`);

/** The 432 bytes of ResNet-8's first layer in the order of the published stream, whose gzip member is 386 bytes. */
function firstLayer() {
  const bytes = sharedFile("models", "resnet8_weights.bin").subarray(0, 432);
  const published = sharedFile("models", "gzipc_resnet8432.bin").length;
  const layers = modelLayers("resnet8.onnx");
  const report = reportCodecs(layers, { codecs: [ansCodec] });
  const alone = reportCodecs(layers.slice(0, 1), { codecs: [ansCodec] }).totals[0];
  console.log(
    `\nResNet-8, first layer: 432 bytes stored; ${published} in the thesis; gzip -9 of the same bytes here ${gzipSync(bytes, { level: 9 }).length}; ans ${report.layers[0].bytes.ans} with the model's tables (${report.totals[0].tableBytes} bytes for all ten layers), ${alone.bytes} alone with tables of its own.`,
  );
}
