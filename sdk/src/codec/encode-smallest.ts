/** The weights of a model as an image holds them: every layer in the codec that makes it smallest. */
import type { EncodeOptions, LayerWeights, WeightCodec } from "./types.js";

export interface LayerStream {
  readonly codec: WeightCodec;
  readonly bytes: Uint8Array;
}

export interface SmallestStreams {
  /** Those of the main codec; empty when no layer uses it. */
  readonly tables: Uint8Array;
  readonly streams: readonly LayerStream[];
}

/**
 * A layer takes the first of the codecs whose stream is smallest; `codec` is asked last, so that it must save something.
 * When its streams do not save its tables too, no layer uses it. The whole is therefore never larger than the best of the
 * fallbacks alone, layer by layer. Tables that were given (`options.tables`) are there anyway and cost nothing.
 *
 * @param fallbacks codecs without tables
 */
export function encodeSmallest(
  layers: readonly LayerWeights[],
  codec: WeightCodec,
  fallbacks: readonly WeightCodec[],
  options?: EncodeOptions,
): SmallestStreams {
  const encoded = codec.encode(layers, options);
  const others = fallbacks.map((fallback) => ({ codec: fallback, streams: fallback.encode(layers).streams }));
  const without = layers.map((_, index) => {
    return smallest(others.map(({ codec: own, streams }) => ({ codec: own, bytes: streams[index] })));
  });
  const main = encoded.streams.map((bytes): LayerStream => ({ codec, bytes }));
  const streams = main.map((own, index) => smallest(without[index] ? [without[index], own] : [own])!);
  const used = streams.some((stream) => stream.codec === codec);
  if (!used) return { tables: new Uint8Array(0), streams };
  const complete = without.filter((stream) => stream !== undefined);
  const tableBytes = options?.tables?.length ? 0 : encoded.tables.length;
  if (complete.length === layers.length && bytesOf(complete) <= bytesOf(streams) + tableBytes) {
    return { tables: new Uint8Array(0), streams: complete };
  }
  return { tables: encoded.tables, streams };
}

function smallest(streams: readonly LayerStream[]): LayerStream | undefined {
  let best: LayerStream | undefined;
  for (const stream of streams) {
    if (best === undefined || stream.bytes.length < best.bytes.length) best = stream;
  }
  return best;
}

function bytesOf(streams: readonly LayerStream[]): number {
  return streams.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
