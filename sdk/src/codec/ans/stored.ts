/** A layer kept as it is: kind 0 of docs/formats/weight-stream.md. */
import { weightsCrc } from "../checksum.js";
import type { LayerWeights } from "../types.js";
import { kinds, writeHeader } from "./header.js";

export function encodeStored({ weights, layout }: LayerWeights): Uint8Array {
  const header = writeHeader({ kind: kinds.stored, crc: weightsCrc(weights) }, layout);
  const stream = new Uint8Array(header.length + weights.length);
  stream.set(header);
  stream.set(new Uint8Array(weights.buffer, weights.byteOffset, weights.length), header.length);
  return stream;
}
