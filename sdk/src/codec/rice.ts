/**
 * Rice codes with the parameter k = clip(base + A[o] + B[i] + C[tap]): the classes of codec `ans` without its tables, for
 * devices with no block memory to spare.
 *
 * Stream: the header of docs/formats/weight-stream.md (kind 1, one lane, classes 0..7 for k = 0..7), then for each weight in
 * demand order, least significant bit first, of z = zigzag(weight - prediction - center): z >> k ones, a zero, k low bits; or,
 * when z >> k is 12 or more, twelve ones and 8 bits of the value itself.
 */
import { BitReader, BitWriter, zigzag } from "./ans/bit-stream.js";
import { BIT, ClassCosts } from "./ans/class-costs.js";
import { type Fit, fitLayer, totalBits } from "./ans/fit.js";
import {
  type CodedHeader,
  fitsHeader,
  headerOffsets,
  kinds,
  readHeader,
  STORED_OVERHEAD,
  writeHeader,
} from "./ans/header.js";
import { kernelPasses } from "./ans/kernel-passes.js";
import { decodingValues, type LayerVariant, singleVariants, wholeFitLayer } from "./ans/layer-variants.js";
import { plainPasses } from "./ans/plain-passes.js";
import { applyPrediction } from "./ans/prediction.js";
import { encodeStored } from "./ans/stored.js";
import type { ModelTables } from "./ans/tables.js";
import { checkConsumed, checkWeights, refuseTables, weightsCrc } from "./checksum.js";
import { type LayerWeights, type WeightCodec, type WeightLayout, weightCount } from "./types.js";

const PARAMETERS = 8;
/** Values by which an offset is judged. */
const SAMPLE = 384;
const LONGEST_PREFIX = 12;

/** What the header is checked against: eight classes, no tables. */
const classesOnly: ModelTables = {
  log: 9,
  tables: [],
  classes: Array.from({ length: PARAMETERS }, () => ({ table: 0, shift: 0 })),
};

const costs = new ClassCosts(
  Array.from({ length: PARAMETERS }, (_, k) => {
    return Int32Array.from({ length: 256 }, (_, value) => {
      const prefix = zigzag((value << 24) >> 24) >> k;
      return (prefix < LONGEST_PREFIX ? prefix + 1 + k : LONGEST_PREFIX + 8) * BIT;
    });
  }),
);

export const riceCodec: WeightCodec = {
  name: "rice",
  id: 5,
  encode(layers, options) {
    const streams = layers.map((layer, index) => {
      const stream = encodeLayer(layer);
      options?.onProgress?.((index + 1) / layers.length);
      return stream.length < layer.weights.length + STORED_OVERHEAD ? stream : encodeStored(layer);
    });
    return { tables: new Uint8Array(0), streams };
  },
  openDecoder(tables) {
    refuseTables(tables, "rice");
    return { decode: decodeLayer };
  },
};

function encodeLayer(layer: LayerWeights): Uint8Array {
  const passes = kernelPasses() ?? plainPasses;
  let best: { variant: LayerVariant; fit: Fit; bits: number } | undefined;
  for (const variant of singleVariants(layer)) {
    const fit = fitLayer(wholeFitLayer(layer, variant, passes, SAMPLE), costs, passes);
    const bits = totalBits(fit) + variant.sideBits;
    if (best === undefined || bits < best.bits) best = { variant, fit, bits };
  }
  const { variant, fit } = best!;
  const header: CodedHeader = {
    kind: kinds.single,
    lanes: 1,
    first: 0,
    last: PARAMETERS - 1,
    ...headerOffsets(fit, 0),
    center: variant.center,
    crc: weightsCrc(layer.weights),
    prediction: variant.prediction,
    tilesPerSegment: 0,
  };
  if (!fitsHeader(header)) return encodeStored(layer);
  const out = new BitWriter();
  for (const byte of writeHeader(header, layer.layout)) out.write(byte, 8);
  const { values } = decodingValues(layer, variant, passes);
  forEachParameter(header, layer.layout, (index, k) => {
    const value = values[index] - variant.center;
    const z = zigzag((value << 24) >> 24);
    if (z >> k < LONGEST_PREFIX) {
      out.write((1 << (z >> k)) - 1, (z >> k) + 1);
      out.write(z, k);
    } else {
      out.write((1 << LONGEST_PREFIX) - 1, LONGEST_PREFIX);
      out.write(value, 8);
    }
  });
  return out.toBytes();
}

function decodeLayer(stream: Uint8Array, layout: WeightLayout): Int8Array {
  const { header, end } = readHeader(stream, layout, classesOnly);
  const body = stream.subarray(end);
  if (header.kind === kinds.stored) {
    const reader = new BitReader(body, "stored layer");
    const weights = Int8Array.from({ length: weightCount(layout) }, () => reader.readSigned(8));
    checkConsumed(reader.bytePosition, body);
    checkWeights(weights, header.crc);
    return weights;
  }
  const reader = new BitReader(body, "rice stream");
  const weights = new Int8Array(weightCount(layout));
  forEachParameter(header, layout, (index, k) => {
    let prefix = 0;
    while (prefix < LONGEST_PREFIX && reader.read(1) === 1) prefix += 1;
    if (prefix === LONGEST_PREFIX) weights[index] = reader.read(8) + header.center;
    else {
      const z = (prefix << k) | reader.read(k);
      weights[index] = (z & 1 ? -((z + 1) >> 1) : z >> 1) + header.center;
    }
  });
  reader.align(8);
  checkConsumed(reader.bytePosition, body);
  if (header.prediction) applyPrediction(weights, layout, header.prediction, header.center, 1);
  checkWeights(weights, header.crc);
  return weights;
}

/** Calls back with the parameter of every weight in demand order. */
function forEachParameter(
  header: CodedHeader,
  { outputs, inputs, outputTile }: WeightLayout,
  visit: (index: number, k: number) => void,
): void {
  let index = 0;
  for (let tile = 0; tile < outputs; tile += outputTile) {
    const end = Math.min(tile + outputTile, outputs);
    for (const tap of header.c) {
      for (let input = 0; input < inputs; input += 1) {
        const shared = header.base + tap + header.b[input];
        for (let output = tile; output < end; output += 1, index += 1) {
          visit(index, Math.min(Math.max(shared + header.a[output], header.first), header.last));
        }
      }
    }
  }
}
