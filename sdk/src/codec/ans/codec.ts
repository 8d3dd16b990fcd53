/**
 * The weight codec `ans`: tANS with classes chosen per channel, lanes in demand order, tap prediction
 * (docs/formats/weight-stream.md).
 */
import type { WeightCodec } from "../types.js";
import { openAnsDecoder } from "./decode.js";
import { encodeAns } from "./encode.js";

export const ansCodec: WeightCodec = {
  name: "ans",
  id: 2,
  encode: encodeAns,
  openDecoder: openAnsDecoder,
};
