/**
 * ResNet-50 with binary weights, from the C headers of an FPGA design (`resnet50_w1a2/`, see the notes beside it). A matrix
 * of a convolution is BinaryWeights<SIMD, PE, DEPTH>: PE x DEPTH words of SIMD bits; row = fold * PE + pe, column =
 * (depth mod columns / SIMD) * SIMD + bit, columns tap by tap with the input channels innermost. A bit is +1 or -1.
 */
import { gunzipSync } from "node:zlib";
import { toDemandOrder } from "@sluice/sdk/overlay";

const BLOCKS = [
  "2a",
  "2b",
  "2c",
  "3a",
  "3b",
  "3c",
  "3d",
  "4a",
  "4b",
  "4c",
  "4d",
  "4e",
  "4f",
  "5a",
  "5b",
  "5c",
];

/** @param read the contents of a file of the folder */
export function resnet50Layers(read, outputTile) {
  return [
    firstLayer(read, outputTile),
    ...BLOCKS.flatMap((block) => {
      const config = definitions(read(`res${block}_config.h`).toString("latin1"));
      const arrays = binaryArrays(gunzipSync(read(`res${block}_params.h.gz`)).toString("latin1"));
      // Sorted by name: the bypass of a block's first unit, then its three convolutions.
      const names = arrays.length === 4 ? ["1", "2A", "2B", "2C"] : ["2A", "2B", "2C"];
      return arrays.map((array, index) => {
        const of = (key) => config.get(`RES_${names[index]}_${key}`);
        const shape = { outputs: of("OFMC"), inputs: of("IFMC") };
        return binaryLayer(`res${block}_${names[index]}`, array, shape, outputTile);
      });
    }),
  ];
}

function definitions(text) {
  return new Map([...text.matchAll(/#define (\w+) (\d+)/g)].map(([, name, value]) => [name, Number(value)]));
}

function binaryArrays(text) {
  return text
    .split(/(?=BinaryWeights<)/)
    .filter((part) => part.startsWith("BinaryWeights"))
    .map((part) => {
      const [, simd, pe, depth, name] = /<(\d+), (\d+), (\d+)> (\w+)/.exec(part);
      const body = part.slice(0, part.indexOf(";"));
      return {
        name,
        simd: Number(simd),
        pe: Number(pe),
        depth: Number(depth),
        words: body.match(/0x[0-9a-f]+/gi),
      };
    })
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

function binaryLayer(name, { simd, pe, depth, words }, { outputs, inputs }, outputTile) {
  const columns = (simd * pe * depth) / outputs;
  const kernel = Math.sqrt(columns / inputs);
  if (words.length !== pe * depth || !Number.isInteger(kernel))
    throw new RangeError(`${name}: unexpected shape`);
  const perRow = columns / simd;
  const ohwi = new Int8Array(outputs * columns);
  words.forEach((word, index) => {
    const [element, place] = [Math.floor(index / depth), index % depth];
    const start = (Math.floor(place / perRow) * pe + element) * columns + (place % perRow) * simd;
    const bits = BigInt(word);
    for (let bit = 0; bit < simd; bit += 1) ohwi[start + bit] = (bits >> BigInt(bit)) & 1n ? 1 : -1;
  });
  const layout = { outputs, inputs, kernelHeight: kernel, kernelWidth: kernel, outputTile };
  return { name, layout, weights: toDemandOrder(ohwi, layout) };
}

/** 64 x 49 words of three 8-bit weights. */
function firstLayer(read, outputTile) {
  const text = gunzipSync(read("inpipe_params.h.gz")).toString("latin1");
  const from = text.indexOf("weights_conv0");
  const words = text.slice(from, text.indexOf(";", from)).match(/0x[0-9a-f]+/gi);
  const layout = { outputs: 64, inputs: 3, kernelHeight: 7, kernelWidth: 7, outputTile };
  const ohwi = Int8Array.from(
    words.flatMap((word) => [0, 8, 16].map((shift) => (Number(word) >> shift) & 255)),
  );
  return { name: "conv1", layout, weights: toDemandOrder(ohwi, layout) };
}
