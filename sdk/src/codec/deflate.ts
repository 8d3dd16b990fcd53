/**
 * Weights as a zlib stream (RFC 1950) per layer: the reference thesis's codec, kept for interchange and comparison.
 * The Adler-32 in the stream's trailer detects damage.
 */
import pako from "pako";
import { CodecError } from "../errors.js";
import { type WeightCodec, type WeightLayout, weightCount } from "./types.js";

const LEVEL = 9;

export const deflateCodec: WeightCodec = {
  name: "deflate",
  id: 1,
  encode(layers, options) {
    const streams = layers.map(({ weights }, index) => {
      const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.length);
      const stream = pako.deflate(bytes, { level: LEVEL });
      options?.onProgress?.((index + 1) / layers.length);
      return stream;
    });
    return { tables: new Uint8Array(0), streams };
  },
  openDecoder() {
    return { decode: inflateExactly };
  },
};

/** Feeds the inflater piecewise and stops at the first byte too many, so a bomb costs no memory. */
function inflateExactly(stream: Uint8Array, layout: WeightLayout): Int8Array {
  const expected = weightCount(layout);
  const weights = new Uint8Array(expected);
  let filled = 0;
  let overflow = false;
  const inflator = new pako.Inflate({ chunkSize: Math.max(64, Math.min(expected + 1, 65536)) });
  inflator.onData = (chunk: Uint8Array) => {
    if (filled + chunk.length > expected) {
      overflow = true;
      throw new CodecError("trailing-bytes", "A DEFLATE stream holds more weights than its layer.", {
        expected: `${expected} weights`,
      });
    }
    weights.set(chunk, filled);
    filled += chunk.length;
  };
  inflator.onEnd = (status: number) => {
    inflator.err = status as typeof inflator.err;
  };
  const ended = inflator.push(stream, true);
  if (overflow || !ended || inflator.err !== 0 || filled !== expected) {
    const corrupt = inflator.err !== 0 && inflator.err !== -5;
    throw new CodecError(
      corrupt ? "corrupt" : "truncated",
      "A DEFLATE weight stream could not be inflated.",
      {
        expected: `${expected} weights`,
        found: `${filled} weights`,
        details: { zlib: inflator.msg || inflator.err },
      },
    );
  }
  return new Int8Array(weights.buffer);
}
