/**
 * The DDR image: where weight streams, channel parameters and tables lie.
 *
 * Every layer has its own parameter and weight sections, so that new weights for one layer change the content of no
 * other section but the program's (offsets). Equal tables are stored once. What the data port reads lies in front of the
 * weights, so that its bursts, which end at multiples of BURST_ALIGNMENT, are the same whatever the codec. The program comes last.
 */

import { type EarlierWeights, encodeLike } from "../codec/encode-like.js";
import { encodeSmallest, type LayerStream } from "../codec/encode-smallest.js";
import { rawCodec } from "../codec/raw.js";
import type { CodecChoice } from "../codec/registry.js";
import type { EncodeOptions, LayerWeights } from "../codec/types.js";
import { packChannelParameters } from "../overlay/channel-parameters.js";
import type { EngineLayer } from "./engine-layer.js";
import { TABLE_ENTRIES } from "./requantize-roots.js";
import type { ImageSection, SectionKind } from "./types.js";

export const SECTION_ALIGNMENT = 64;
const BURST_ALIGNMENT = 256;

/** Byte offsets a layer's compute command carries; 0 where the layer has no such part. */
export interface ImageAddresses {
  readonly parameters: number;
  readonly tables: number;
  readonly addends: number;
  readonly weights: number;
  readonly weightsBytes: number;
  readonly codec: number;
  readonly codecName: string;
}

export interface WeightImage {
  readonly sections: ImageSection[];
  readonly addresses: readonly ImageAddresses[];
  readonly codecTables: { readonly offset: number; readonly bytes: number };
  /** First free byte, aligned for the program. */
  readonly end: number;
}

export function buildImage(
  layers: readonly EngineLayer[],
  choice: CodecChoice,
  options: EncodeOptions,
  earlier?: EarlierWeights,
): WeightImage {
  const sections: ImageSection[] = [];
  let end = 0;
  const append = (kind: SectionKind, name: string, bytes: Uint8Array): number => {
    const offset = end;
    sections.push({ kind, name, offset, bytes });
    end = Math.ceil((offset + bytes.length) / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
    return offset;
  };

  const encoded = encodeWeights(layers, choice, options, earlier);
  const pool = new TablePool();
  const lookups = layers.map((layer) => ({
    tables: layer.requantize.tables.length === 0 ? -1 : pool.add(outputTables(layer)),
    addends: layer.addends === undefined ? -1 : pool.add(addendBytes(layer.addends)),
  }));
  const tablesAt = pool.bytes.length === 0 ? 0 : append("parameters", "lookup tables", pool.bytes);
  const parametersAt = layers.map((layer) =>
    append("parameters", `${layer.name} parameters`, packChannelParameters(layer.parameters)),
  );
  const codecTables = {
    offset: encoded.tables.length === 0 ? 0 : append("tables", "codec tables", encoded.tables),
    bytes: encoded.tables.length,
  };
  const addresses = layers.map((layer, index): ImageAddresses => {
    const stream = encoded.streams.get(layer);
    const { tables, addends } = lookups[index];
    return {
      parameters: parametersAt[index],
      tables: tables < 0 ? 0 : tablesAt + tables,
      addends: addends < 0 ? 0 : tablesAt + addends,
      weights: stream === undefined ? 0 : append("weights", layer.name, stream.bytes),
      weightsBytes: stream?.bytes.length ?? 0,
      codec: stream?.codec.id ?? 0,
      codecName: stream?.codec.name ?? "",
    };
  });
  return { sections, addresses, codecTables, end: Math.ceil(end / BURST_ALIGNMENT) * BURST_ALIGNMENT };
}

/** Every layer in the codec that makes it smallest, stored where none does. */
function encodeWeights(
  layers: readonly EngineLayer[],
  { codec, fallbacks }: CodecChoice,
  options: EncodeOptions,
  earlier: EarlierWeights | undefined,
): { tables: Uint8Array; streams: Map<EngineLayer, LayerStream> } {
  const weighted = layers.filter((layer) => layer.weights !== undefined);
  const inputs = weighted.map((layer): LayerWeights => {
    return { name: layer.name, layout: layer.weights!.layout, weights: layer.weights!.values };
  });
  const codecs = [codec, [rawCodec, ...fallbacks], options] as const;
  const { tables, streams } = earlier
    ? encodeLike(earlier, inputs, ...codecs)
    : encodeSmallest(inputs, ...codecs);
  return { tables, streams: new Map(weighted.map((layer, at) => [layer, streams[at]])) };
}

/** 512 bytes per output, unused entries 0. */
function outputTables({ requantize }: EngineLayer): Uint8Array {
  const bytes = new Uint8Array(requantize.tables.length * TABLE_ENTRIES);
  requantize.tables.forEach((table, output) => {
    bytes.set(new Uint8Array(table.buffer, table.byteOffset, table.length), output * TABLE_ENTRIES);
  });
  return bytes;
}

function addendBytes(addends: Int32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(addends.length * 4));
  addends.forEach((value, at) => {
    view.setInt32(at * 4, value, true);
  });
  return new Uint8Array(view.buffer);
}

/** Equal blocks once; every block starts at a multiple of 64 bytes. */
class TablePool {
  readonly #blocks: Uint8Array[] = [];
  readonly #known = new Map<string, number>();
  #length = 0;

  add(block: Uint8Array): number {
    const key = block.join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const offset = this.#length;
    this.#known.set(key, offset);
    this.#blocks.push(block);
    this.#length += Math.ceil(block.length / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
    return offset;
  }

  get bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const block of this.#blocks) {
      bytes.set(block, at);
      at += Math.ceil(block.length / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
    }
    return bytes;
  }
}
