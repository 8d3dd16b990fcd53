/** Stored weights: one byte per weight in demand order. Any other codec must beat it or fall back to it. */
import { CodecError } from "../errors.js";
import { type WeightCodec, weightCount } from "./types.js";

export const rawCodec: WeightCodec = {
  name: "raw",
  id: 0,
  encode(layers) {
    return {
      tables: new Uint8Array(0),
      streams: layers.map(({ weights }) => new Uint8Array(weights.slice().buffer)),
    };
  },
  openDecoder() {
    return {
      decode(stream, layout) {
        const expected = weightCount(layout);
        if (stream.length !== expected) {
          const code = stream.length < expected ? "truncated" : "trailing-bytes";
          throw new CodecError(code, "A stored weight stream has the wrong length.", {
            expected: `${expected} bytes`,
            found: `${stream.length} bytes`,
          });
        }
        return Int8Array.from(stream, (byte) => (byte << 24) >> 24);
      },
    };
  },
};
