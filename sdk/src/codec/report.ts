/** What every codec makes of a model's weights, layer by layer: the numbers behind `sluice codec`. */
import pako from "pako";
import { CodecError } from "../errors.js";
import type { Graph } from "../graph/types.js";
import { toDemandOrder } from "../overlay/weight-order.js";
import { unpackTables } from "./ans/tables.js";
import { comparisonCodecs, weightCodecs } from "./registry.js";
import { type LayerWeights, type WeightCodec, type WeightLayout, weightCount } from "./types.js";

/** Bytes of one BRAM36 as block memory for weights. */
export const BRAM_BYTES = 4_608;

export interface LayerReport {
  readonly name: string;
  readonly layout: WeightLayout;
  readonly weights: number;
  /** Order-0 entropy of the layer's weights, in bits per weight. */
  readonly entropy: number;
  /** Bytes of a gzip member at level 9. */
  readonly gzipBytes: number;
  /** Bytes of the layer's stream by codec name; shared tables are in the totals only. */
  readonly bytes: Readonly<Record<string, number>>;
  /** BRAM36 that would hold the layer, stored and in the smallest of the overlay's codecs. */
  readonly bramStored: number;
  readonly bramCompressed: number;
}

export interface CodecTotal {
  readonly codec: string;
  /** Streams and tables. */
  readonly bytes: number;
  readonly tableBytes: number;
  readonly bitsPerWeight: number;
  /** Percent saved against 8 bits. */
  readonly saved: number;
  readonly encodeSeconds: number;
  readonly decodeSeconds: number;
  /** BRAM36 of all layers, each in blocks of its own, and of one decoder's tables or window. */
  readonly bram: number;
  readonly decoderBram: number;
}

export interface CodecReport {
  readonly weights: number;
  /** Bits per weight: order-0 entropy per layer, and gzip -9 of each layer. */
  readonly entropy: number;
  readonly gzip: number;
  readonly bramStored: number;
  readonly layers: readonly LayerReport[];
  readonly totals: readonly CodecTotal[];
}

export interface CodecReportOptions {
  readonly codecs?: readonly WeightCodec[];
  /** Seconds; performance.now() / 1000 unless given. */
  readonly clock?: () => number;
  readonly onProgress?: (codec: string, done: number) => void;
}

/**
 * The weights of a graph's convolutions as int8 codes in demand order; uint8 weights less 128.
 *
 * @example const report = reportCodecs(weightsOfGraph(importModel(bytes, { file: "resnet8.onnx" })));
 */
export function weightsOfGraph(graph: Graph, outputTile = 16): LayerWeights[] {
  const layers: LayerWeights[] = [];
  const convolutions = graph.nodes.filter((node) => node.kind === "convolution");
  const offset = convolutions.some(({ weights }) => weights.some((weight) => weight > 127)) ? 128 : 0;
  for (const node of convolutions) {
    const [kernelHeight, kernelWidth] = node.kernel;
    const outputs = node.bias.length;
    const inputs = node.weights.length / (outputs * kernelHeight * kernelWidth);
    const layout = { outputs, inputs, kernelHeight, kernelWidth, outputTile };
    const codes = node.weights.map((weight) => weight - offset);
    layers.push({ name: node.name, layout, weights: toDemandOrder(codes, layout) });
  }
  return layers;
}

/** Order-0 entropy in bits per weight. */
export function orderZeroEntropy(weights: Int8Array): number {
  const counts = new Uint32Array(256);
  for (const weight of weights) counts[weight & 255] += 1;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= count * Math.log2(count / weights.length);
  return bits / weights.length;
}

/**
 * Encodes the layers with every codec, decodes them again and compares.
 * @throws {CodecError} `round-trip` should a codec not give back a layer's weights
 */
export function reportCodecs(layers: readonly LayerWeights[], options: CodecReportOptions = {}): CodecReport {
  const codecs = options.codecs ?? [...weightCodecs, ...comparisonCodecs];
  const clock = options.clock ?? ((): number => performance.now() / 1000);
  const weights = layers.reduce((sum, { layout }) => sum + weightCount(layout), 0);
  const bytesByLayer = layers.map((): Record<string, number> => ({}));
  const totals = codecs.map((codec): CodecTotal => {
    const start = clock();
    const { tables, streams } = codec.encode(layers, {
      onProgress: (done) => options.onProgress?.(codec.name, done),
    });
    const encoded = clock();
    const decoder = codec.openDecoder(tables);
    const decoded = layers.map(({ layout }, index) => decoder.decode(streams[index], layout));
    const decodeSeconds = clock() - encoded;
    layers.forEach((layer, index) => {
      checkRoundTrip(codec, layer, decoded[index]);
      bytesByLayer[index][codec.name] = streams[index].length;
    });
    const bytes = streams.reduce((sum, stream) => sum + stream.length, tables.length);
    return {
      codec: codec.name,
      bytes,
      tableBytes: tables.length,
      bitsPerWeight: (bytes * 8) / weights,
      saved: 100 - (bytes * 100) / weights,
      encodeSeconds: encoded - start,
      decodeSeconds,
      bram: streams.reduce((sum, stream) => sum + bramOf(stream.length), 0),
      decoderBram: decoderBram(codec, tables),
    };
  });
  const deployable = weightCodecs.map(({ name }) => name);
  const reports = layers.map(({ name, layout, weights: own }, index): LayerReport => {
    const bytes = bytesByLayer[index];
    const best = Math.min(own.length, ...deployable.map((codec) => bytes[codec] ?? Number.POSITIVE_INFINITY));
    return {
      name,
      layout,
      weights: own.length,
      entropy: orderZeroEntropy(own),
      gzipBytes: pako.gzip(new Uint8Array(own.buffer, own.byteOffset, own.length), { level: 9 }).length,
      bytes,
      bramStored: bramOf(own.length),
      bramCompressed: bramOf(best),
    };
  });
  const bitsOf = (value: (layer: LayerReport) => number): number =>
    reports.reduce((sum, layer) => sum + value(layer), 0) / weights;
  return {
    weights,
    entropy: bitsOf((layer) => layer.entropy * layer.weights),
    gzip: bitsOf((layer) => layer.gzipBytes * 8),
    bramStored: reports.reduce((sum, layer) => sum + layer.bramStored, 0),
    layers: reports,
    totals,
  };
}

export function bramOf(bytes: number): number {
  return Math.ceil(bytes / BRAM_BYTES);
}

/** Bits of a decoding table's entry but for its base of R bits: kind of raw bits 2, value 8, bits 4. */
const ENTRY_BITS = 14;
/** Bytes a DEFLATE decoder must look back at. */
const DEFLATE_WINDOW = 32_768;

/**
 * BRAM36 of one decoder's memory, by size: for `ans` the tables of the model's classes for one pair of lanes (a block has
 * two ports), for DEFLATE its window alone.
 */
function decoderBram({ name }: WeightCodec, tables: Uint8Array): number {
  if (name === "deflate") return bramOf(DEFLATE_WINDOW);
  if (name !== "ans" || tables.length === 0) return 0;
  const { classes, log } = unpackTables(tables);
  return bramOf((classes.length * 2 ** log * (ENTRY_BITS + log)) / 8);
}

function checkRoundTrip(codec: WeightCodec, { name, weights }: LayerWeights, decoded: Int8Array): void {
  const at = weights.findIndex((weight, index) => weight !== decoded[index]);
  if (at < 0 && decoded.length === weights.length) return;
  throw new CodecError("round-trip", `The codec ${codec.name} did not give back a layer's weights.`, {
    place: `layer ${name}, weight ${at}`,
    expected: String(weights[at]),
    found: String(decoded[at]),
    hint: "This is a defect of Sluice: please report it with the model.",
  });
}
