/**
 * Coding a model that differs little from an earlier one: layers whose weights did not change keep their streams byte for
 * byte, the others are coded with the earlier tables. What a board already has stays valid, at the price of tables that
 * were made for other weights.
 */
import { encodeSmallest, type LayerStream, type SmallestStreams } from "./encode-smallest.js";
import type { EncodeOptions, LayerWeights, WeightCodec, WeightLayout } from "./types.js";

/** The weights of a model as an image holds them. */
export interface EarlierWeights {
  readonly tables: Uint8Array;
  readonly layers: readonly EarlierLayer[];
}

export interface EarlierLayer extends LayerWeights {
  readonly stream: LayerStream;
}

/** As encodeSmallest. Streams of codecs other than those given are coded anew. */
export function encodeLike(
  earlier: EarlierWeights,
  layers: readonly LayerWeights[],
  codec: WeightCodec,
  fallbacks: readonly WeightCodec[],
  options: EncodeOptions = {},
): SmallestStreams {
  const allowed = new Set([codec, ...fallbacks]);
  const usable = earlier.layers.filter(({ stream }) => allowed.has(stream.codec));
  const kept = layers.map((layer) => usable.find((candidate) => sameWeights(candidate, layer))?.stream);
  const changed = layers.filter((_, index) => kept[index] === undefined);
  // Without a layer that needs them the earlier tables are nothing worth keeping.
  const tables = kept.some((stream) => stream?.codec === codec) ? earlier.tables : new Uint8Array(0);
  if (changed.length === 0) return { tables, streams: kept as LayerStream[] };
  const encoded = encodeSmallest(changed, codec, fallbacks, { ...options, tables });
  const anew = encoded.streams.values();
  return {
    tables: tables.length > 0 ? tables : encoded.tables,
    streams: kept.map((stream) => stream ?? anew.next().value!),
  };
}

function sameWeights(one: LayerWeights, other: LayerWeights): boolean {
  return (
    sameLayout(one.layout, other.layout) && Buffer.compare(bytesOf(one.weights), bytesOf(other.weights)) === 0
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: Int8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function sameLayout(one: WeightLayout, other: WeightLayout): boolean {
  return (
    one.outputs === other.outputs &&
    one.inputs === other.inputs &&
    one.kernelHeight === other.kernelHeight &&
    one.kernelWidth === other.kernelWidth &&
    one.outputTile === other.outputTile
  );
}
