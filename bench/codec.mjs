/**
 * Weight codecs on real models: bits per weight against every target, and speed beside pako and node:zlib.
 *   node bench/codec.mjs [--ratios | --speed] [model file ...]
 * Everything is counted: streams, headers, checksums, padding and the shared tables. Every layer is decoded and compared.
 */
import { constants, deflateSync, gzipSync, inflateSync } from "node:zlib";
import { ansCodec, encodeAns, reportCodecs } from "@sluice/sdk/codec";
import pako from "pako";
import { modelLayers } from "./codec-models.mjs";

/** Targets: `saved` is at least that many percent against 8 bits; the others are bits per weight, at most. */
const models = [
  { file: "resnet8.onnx", saved: 20.2, belowEntropy: 2 },
  { file: "pretrainedResnet_quant.tflite" },
  { file: "resnet20_a8w8b16.onnx", saved: 27.5, belowEntropy: 4 },
  { file: "resnet20_rate_distortion_1.37bpw.npz", belowEntropy: -2 },
  { file: "resnet20_rate_distortion_1.79bpw.npz", belowEntropy: -2 },
  { file: "vww_96_int8.tflite", bits: 1.4 },
  { file: "str_ww_ref_model.tflite" },
  { file: "mobilenet_v1_vww_a8w8.onnx" },
  { file: "mobilenet_v1_0.25_128_quant.tflite" },
  { file: "mobilenet_v1_0.5_160_quant.tflite", saved: 27.8, belowEntropy: -0.6 },
  { file: "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite", belowEntropy: -0.6 },
  { file: "mobilenet_v2_a8w6b32.onnx", belowEntropy: -0.6 },
  { file: "mobilenet_v2_1.0_224_quant.tflite", saved: 21.4, belowEntropy: -0.6 },
];

/** Layers to time: about as much as a ResNet-50. */
const SPEED_BYTES = 25_000_000;
const SPEED_FILES = [
  "mobilenet_v2_1.0_224_quant.tflite",
  "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite",
];
/** What a layer may be larger than stored. */
const STORED_SLACK = 16;

const withPairs = {
  ...ansCodec,
  name: "ans pairs",
  encode: (layers) => encodeAns(layers, { pairs: "always" }),
};

const args = process.argv.slice(2);
const files = args.filter((argument) => !argument.startsWith("--"));
const chosen = files.length > 0 ? models.filter(({ file }) => files.includes(file)) : models;
let failed = 0;
if (!args.includes("--speed")) ratios();
if (!args.includes("--ratios")) speed();
process.exitCode = failed > 0 ? 1 : 0;

function ratios() {
  console.log("Bits per weight, everything counted\n");
  console.log(
    `${"model".padEnd(40)}${["weights", "entropy", "gzip -9", "deflate", "huffman", "range", "rice", "ans", "saved", "pairs"].map((title) => title.padStart(9)).join("")}  targets`,
  );
  for (const { file, saved, bits, belowEntropy } of chosen) {
    const layers = modelLayers(file);
    const { weights, totals, ...report } = reportCodecs(layers);
    const of = (codec) => totals.find((total) => total.codec === codec);
    const ans = of("ans");
    const pairs = reportCodecs(layers, { codecs: [withPairs] }).totals[0];
    const zlib = layers.reduce((sum, layer) => sum + gzipSync(layer.weights, { level: 9 }).length, 0);
    const checks = [
      [ans.bytes <= zlib, "gzip -9"],
      ...report.layers.map(({ name, bytes, weights: own, gzipBytes }) => {
        return [bytes.ans <= Math.min(gzipBytes, own + STORED_SLACK), `gzip -9 of ${name}`];
      }),
    ];
    const layersAbove = checks.slice(1).filter(([holds]) => !holds);
    const shown = [checks[0]];
    if (saved !== undefined) shown.push([ans.saved >= saved, `saved >= ${saved} %`]);
    if (bits !== undefined) shown.push([ans.bitsPerWeight <= bits, `<= ${bits} b/w`]);
    if (belowEntropy !== undefined) {
      const limit = report.entropy * (1 - belowEntropy / 100);
      shown.push([
        ans.bitsPerWeight <= limit,
        `<= entropy ${belowEntropy > 0 ? "-" : "+"} ${Math.abs(belowEntropy)} %`,
      ]);
    }
    failed += shown.filter(([holds]) => !holds).length;
    const rates = [report.entropy, (zlib * 8) / weights];
    rates.push(...["deflate", "huffman", "range", "rice", "ans"].map((codec) => of(codec).bitsPerWeight));
    console.log(
      `${file.slice(0, 39).padEnd(40)}${String(weights).padStart(9)}${rates.map((rate) => rate.toFixed(3).padStart(9)).join("")}${ans.saved.toFixed(1).padStart(8)}%${pairs.bitsPerWeight.toFixed(3).padStart(9)}  ${shown.map(([holds, what]) => `${holds ? "ok" : "FAILED"} ${what}`).join(", ")}; ${layersAbove.length === 0 ? "no layer above gzip or stored + 16" : `${layersAbove.length} of ${layers.length} layers above gzip or stored + 16`}`,
    );
  }
  console.log(
    "\nentropy: order 0 of each layer, an ideal without tables. pairs: two weights per symbol wherever possible (else as ans).",
  );
  console.log(
    "One pair of lanes holds its classes' tables once: 16 classes of 512 entries of 25 bits = 6 BRAM36, with pairs or without.\n",
  );
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
