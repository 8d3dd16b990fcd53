/**
 * Weight codecs on real models: bits per weight against every target, and speed beside pako and node:zlib.
 *   node bench/codec.mjs [--ratios | --speed | --choices] [model file ...]
 * Everything is counted: streams, headers, checksums, padding and the shared tables. Every layer is decoded and compared.
 */
import { constants, deflateSync, gzipSync, inflateSync } from "node:zlib";
import {
  ansCodec,
  BRAM_BYTES,
  comparisonCodecs,
  deflateCodec,
  encodeAns,
  encodeSmallest,
  rawCodec,
  reportCodecs,
  riceCodec,
  weightCodecs,
} from "@sluice/sdk/codec";
import { decoderLimits, fromDemandOrder, kv260Geometry } from "@sluice/sdk/overlay";
import pako from "pako";
import { modelLayers } from "./codec-models.mjs";

/** Targets: `saved` is at least that many percent against 8 bits; the others are bits per weight, at most. */
const models = [
  { file: "resnet8.onnx", part: "first layer", layers: 1 },
  { file: "resnet8.onnx", saved: 20.2, belowEntropy: 2 },
  { file: "pretrainedResnet_quant.tflite" },
  { file: "resnet20_a8w8b16.onnx", saved: 27.5, belowEntropy: 4 },
  { file: "resnet20_rate_distortion_1.37bpw.npz", belowEntropy: -2, pairs: -2 },
  { file: "resnet20_rate_distortion_1.79bpw.npz", belowEntropy: -2, pairs: -2 },
  { file: "vww_96_int8.tflite", bits: 1.4 },
  { file: "str_ww_ref_model.tflite" },
  { file: "mobilenet_v1_vww_a8w8.onnx" },
  { file: "mobilenet_v1_0.25_128_quant.tflite" },
  { file: "mobilenet_v1_0.5_160_quant.tflite", saved: 27.8, belowEntropy: -0.6 },
  { file: "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite", belowEntropy: -0.6 },
  { file: "mobilenet_v2_a8w6b32.onnx", belowEntropy: -0.6 },
  { file: "mobilenet_v2_1.0_224_quant.tflite", saved: 21.4, belowEntropy: -0.6 },
  { file: "compressed_SqueezeNet.net", belowEntropy: -0.6 },
  { file: "compressed_SqueezeNet.net", part: "by value", order: "value" },
  // 23 MB of two values: DEFLATE at level 9 takes many minutes over them.
  { file: "resnet50_w1a2", belowEntropy: -0.6, whenNamed: true },
];
const notMeasured = `
Not here: resnet8_weights.bin and gzipc_resnet8432.bin hold the weights of resnet8.onnx; pretrainedResnet.tflite,
pretrainedResnet_large_float.tflite, resnet20_float.onnx, resnet20-12fca82f.th, vww_96_float.tflite, ad01_fp32.tflite and
kws_ref_model_float32.tflite hold float weights. resnet50_w1a2 (binary weights) takes long: name it to measure it.`;

/** Layers to time: about as much as a ResNet-50. */
const SPEED_BYTES = 25_000_000;
const SPEED_FILES = [
  "mobilenet_v2_1.0_224_quant.tflite",
  "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite",
];
/** Bits of an entry of a decoding table of 2^R states but for its base: kind of raw bits 2, value 8, bits 4. */
const ENTRY_BITS = 14;
const unlimited = {
  lanes: 32,
  fewestLanes: 1,
  tableLog: 11,
  channels: 65_535,
  taps: 65_535,
  predictedRows: 65_535,
};
/** Orders of the weights that gzip is given. */
const ORDERS = ["demand", "OHWI", "OIHW"];
/** What a model or layer may be larger than stored. */
const STORED_SLACK = 16;

/** As `deploy` encodes: for what the overlay's decoder holds. */
const limits = decoderLimits(kv260Geometry);
const overlayAns = { ...ansCodec, encode: (layers) => encodeAns(layers, { limits }) };
const codecs = [...weightCodecs, ...comparisonCodecs].map((codec) =>
  codec === ansCodec ? overlayAns : codec,
);
const withPairs = {
  ...ansCodec,
  name: "ans pairs",
  encode: (layers) => encodeAns(layers, { limits, pairs: "always" }),
};

const args = process.argv.slice(2);
const files = args.filter((argument) => !argument.startsWith("--"));
const chosen =
  files.length > 0
    ? models.filter(({ file }) => files.includes(file))
    : models.filter(({ whenNamed }) => !whenNamed);
const only = ["--ratios", "--speed", "--choices"].filter((option) => args.includes(option));
const wanted = (option) => only.length === 0 || only.includes(option);
let failed = 0;
if (wanted("--ratios")) ratios();
if (wanted("--choices")) codecChoices();
if (wanted("--speed")) speed();
process.exitCode = failed > 0 ? 1 : 0;

function ratios() {
  console.log("Bits per weight, everything counted\n");
  const titles = [
    "weights",
    "entropy",
    "gzip -9",
    "deflate",
    "huffman",
    "range",
    "rice",
    "ans",
    "saved",
    "pairs",
  ];
  console.log(`${"model".padEnd(40)}${titles.map((title) => title.padStart(9)).join("")}  targets`);
  for (const model of chosen) ratiosOf(model);
  console.log(`
gzip -9: layer by layer, in whichever of the orders ${ORDERS.join(", ")} suits the model best; the other codecs in demand order.
entropy: order 0 of each layer, an ideal without tables. pairs: two weights per symbol wherever possible (else as ans).
One pair of lanes holds its classes' tables once: 16 classes of 256 entries of 22 bits = 2.5 BRAM36, with pairs or without.
A layer above gzip -9 or stored + 16: with \`--codec ans,deflate\` it takes DEFLATE where the overlay inflates; sizes with tables.
${notMeasured}
`);
}

function ratiosOf({ file, part, order, layers: most, saved, bits, belowEntropy, pairs: pairsBelow }) {
  const layers = modelLayers(file, order).slice(0, most);
  const { weights, totals, ...report } = reportCodecs(layers, { codecs });
  const of = (codec) => totals.find((total) => total.codec === codec);
  const ans = of("ans");
  const pairs = reportCodecs(layers, { codecs: [withPairs] }).totals[0];
  const gzipped = layers.map(gzipOrders);
  const zlib = Math.min(...ORDERS.map((_, order) => gzipped.reduce((sum, bytes) => sum + bytes[order], 0)));
  const bounds = layers.map((layer, index) =>
    Math.min(...gzipped[index], layer.weights.length + STORED_SLACK),
  );
  const above = report.layers.filter(({ bytes }, index) => bytes.ans > bounds[index]);
  const checks = [
    [ans.bytes <= zlib, "gzip -9"],
    [ans.bytes <= weights + STORED_SLACK, `stored + ${STORED_SLACK}`],
    [of("rice").bytes <= zlib, "rice <= gzip -9"],
  ];
  const belowLimit = (total, percent, what) => {
    const limit = report.entropy * (1 - percent / 100);
    const sign = percent > 0 ? "-" : "+";
    checks.push([total.bitsPerWeight <= limit, `${what}<= entropy ${sign} ${Math.abs(percent)} %`]);
  };
  if (saved !== undefined) checks.push([ans.saved >= saved, `saved >= ${saved} %`]);
  if (bits !== undefined) checks.push([ans.bitsPerWeight <= bits, `<= ${bits} b/w`]);
  if (belowEntropy !== undefined) belowLimit(ans, belowEntropy, "");
  if (pairsBelow !== undefined) belowLimit(pairs, pairsBelow, "pairs ");
  failed += checks.filter(([holds]) => !holds).length;
  const rates = [report.entropy, (zlib * 8) / weights];
  rates.push(...["deflate", "huffman", "range", "rice", "ans"].map((codec) => of(codec).bitsPerWeight));
  const name = `${file}${part ? `, ${part}` : ""}`.slice(0, 39).padEnd(40);
  const cells = rates.map((rate) => rate.toFixed(3).padStart(9)).join("");
  const shown = checks.map(([holds, what]) => `${holds ? "ok" : "FAILED"} ${what}`).join(", ");
  console.log(
    `${name}${String(weights).padStart(9)}${cells}${ans.saved.toFixed(1).padStart(8)}%${pairs.bitsPerWeight.toFixed(3).padStart(9)}  ${shown}; ${layersSentence(layers, above, bounds)}`,
  );
}

/** Bytes of gzip -9 of a layer in each of ORDERS. */
function gzipOrders({ weights, layout }) {
  const ohwi = fromDemandOrder(weights, layout);
  const { inputs, kernelHeight, kernelWidth } = layout;
  const taps = kernelHeight * kernelWidth;
  const oihw = ohwi.map((_, at) => {
    const [place, tap] = [Math.floor(at / taps), at % taps];
    return ohwi[(Math.floor(place / inputs) * taps + tap) * inputs + (place % inputs)];
  });
  return [weights, ohwi, oihw].map((ordered) => gzipSync(ordered, { level: 9 }).length);
}

/** How many layers alone are larger than gzip -9 or stored, and what the package's choice by layer makes of them. */
function layersSentence(layers, above, bounds) {
  if (above.length === 0) return "no layer above gzip or stored + 16";
  const { tables, streams } = encodeSmallest(layers, overlayAns, [rawCodec, deflateCodec]);
  const bytes = streams.reduce((sum, stream) => sum + stream.bytes.length, tables.length);
  const still = streams.filter((stream, index) => stream.bytes.length > bounds[index]);
  return `${above.length} of ${layers.length} layers above gzip or stored + 16; with ans,deflate ${still.length}, ${bytes} bytes`;
}

/** What section 7 of docs/formats/weight-stream.md says the choices cost. */
function codecChoices() {
  const files = [
    "resnet8.onnx",
    "mobilenet_v1_0.5_160_quant.tflite",
    ...models.filter((m) => m.pairs).map((m) => m.file),
  ];
  const choices = [
    { name: "R = 9, 16 classes", log: 9, options: { pairs: "never", tableLog: 9 } },
    { name: "R = 8 (default)", log: 8, options: { pairs: "never", tableLog: 8 } },
    { name: "R = 10", log: 10, options: { pairs: "never", tableLog: 10 } },
    {
      name: "4 tables (of 2,048 states)",
      log: 9,
      classes: 4,
      options: { pairs: "never", tableLog: 9, limits: { ...unlimited, tableStates: 4 << 9 } },
    },
    { name: "pairs", log: 9, options: { pairs: "always", tableLog: 9 } },
    { name: "16 lanes always", log: 9, options: { pairs: "never", tableLog: 9, fewestLanes: 16 } },
    {
      name: "a segment and CRC per tile",
      log: 9,
      options: { pairs: "never", tableLog: 9, segmentWeights: 1 },
    },
  ];
  console.log(
    "What the choices cost: bits per weight, and BRAM36 that hold the classes' tables of one pair of lanes\n",
  );
  console.log(
    `${"".padEnd(30)}${"BRAM36".padStart(8)}${files.map((file) => file.slice(-22).padStart(25)).join("")}`,
  );
  const all = files.map((file) => modelLayers(file));
  const row = (name, bram, rates) => {
    const cells = rates.map((rate, index) =>
      `${rate.toFixed(3)} (${change(rate, base[index])})`.padStart(25),
    );
    console.log(`${name.padEnd(30)}${String(bram).padStart(8)}${cells.join("")}`);
  };
  const base = [];
  for (const { name, log, classes = 16, options } of choices) {
    const rates = all.map((layers) => rateOf(encodeAns(layers, options), layers));
    if (base.length === 0) base.push(...rates);
    row(name, Math.ceil((classes * 2 ** log * (ENTRY_BITS + log)) / 8 / BRAM_BYTES), rates);
  }
  row(
    "Rice codes, no tables",
    0,
    all.map((layers) => rateOf(riceCodec.encode(layers), layers)),
  );
  console.log("");
}

function change(rate, base) {
  return `${rate < base ? "-" : "+"}${Math.abs(100 * (rate / base - 1)).toFixed(2)} %`;
}

function rateOf({ tables, streams }, layers) {
  const bytes = streams.reduce((sum, stream) => sum + stream.length, tables.length);
  return (8 * bytes) / layers.reduce((sum, { weights }) => sum + weights.length, 0);
}

/** One measurement: CPU seconds of this process (all its threads), so that a busy machine matters less. */
function timed(work) {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { result, seconds: (user + system) / 1e6 };
}

function speed() {
  const once = SPEED_FILES.flatMap(modelLayers);
  const layers = [];
  let total = 0;
  while (total < SPEED_BYTES) {
    for (const layer of once) {
      layers.push(layer);
      total += layer.weights.length;
    }
  }
  const bytes = layers.map(
    ({ weights }) => new Uint8Array(weights.buffer, weights.byteOffset, weights.length),
  );
  const candidates = [
    {
      name: "ans",
      encode: () => ansCodec.encode(layers),
      decode: ({ tables, streams }) => {
        const decoder = ansCodec.openDecoder(tables);
        return layers.map(({ layout }, index) => decoder.decode(streams[index], layout));
      },
      size: ({ tables, streams }) => streams.reduce((sum, stream) => sum + stream.length, tables.length),
    },
    {
      name: "pako deflate 9",
      encode: () => bytes.map((own) => pako.deflate(own, { level: 9 })),
      decode: (streams) => streams.map((stream) => pako.inflate(stream)),
      size: (streams) => streams.reduce((sum, stream) => sum + stream.length, 0),
    },
    {
      name: "node:zlib 9",
      encode: () => bytes.map((own) => deflateSync(own, { level: constants.Z_BEST_COMPRESSION })),
      decode: (streams) => streams.map((stream) => inflateSync(stream)),
      size: (streams) => streams.reduce((sum, stream) => sum + stream.length, 0),
    },
  ];
  console.log(
    `Speed on ${(total / 1e6).toFixed(1)} MB of weights in ${layers.length} layers, MB of weights per CPU second, best of 3\n`,
  );
  console.log(`${"".padEnd(16)}${"encode".padStart(9)}${"decode".padStart(9)}${"bits/weight".padStart(13)}`);
  const best = new Map(candidates.map(({ name }) => [name, { encode: 0, decode: 0, bits: 0 }]));
  // Round by round, so that other load on the machine falls on all of them alike.
  for (let round = 0; round < 3; round += 1) {
    for (const { name, encode, decode, size } of candidates) {
      const own = best.get(name);
      const encoded = timed(encode);
      const decoded = timed(() => decode(encoded.result));
      own.encode = Math.max(own.encode, total / 1e6 / encoded.seconds);
      own.decode = Math.max(own.decode, total / 1e6 / decoded.seconds);
      own.bits = (size(encoded.result) * 8) / total;
    }
  }
  for (const [name, { encode, decode, bits }] of best) {
    console.log(
      `${name.padEnd(16)}${encode.toFixed(1).padStart(9)}${decode.toFixed(1).padStart(9)}${bits.toFixed(3).padStart(13)}`,
    );
  }
  const [ans, deflate] = [best.get("ans"), best.get("pako deflate 9")];
  const checks = [
    [ans.encode >= 2.5, "encode >= 2.5 MB/s"],
    [ans.decode >= 40, "decode >= 40 MB/s"],
    [ans.encode > deflate.encode && ans.decode > deflate.decode, "ahead of pako both ways"],
  ];
  failed += checks.filter(([holds]) => !holds).length;
  console.log(`\n${checks.map(([holds, what]) => `${holds ? "ok" : "FAILED"} ${what}`).join(", ")}`);
}
