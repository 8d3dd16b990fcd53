/**
 * Golomb-Rice codes with the classes of codec `ans` and without its tables, for devices with no block memory to spare.
 * Format: docs/formats/rice-stream.md.
 */
import { STORED_OVERHEAD } from "../ans/header.js";
import { encodeStored } from "../ans/stored.js";
import { refuseTables } from "../checksum.js";
import type { WeightCodec } from "../types.js";
import { decodeLayer } from "./decode.js";
import { encodeLayer } from "./encode.js";

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
