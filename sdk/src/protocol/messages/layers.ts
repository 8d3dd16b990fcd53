/**
 * LAYERS (0x22), host to board: the counters and CRCs of every layer in the frame that ran last.
 * `frame` echoes that frame's index. Errors: `no-model`, `no-frame` (nothing has run yet).
 */
import { z } from "zod";
import { defineExchange, type ReplyOf } from "../exchange.js";
import { u32 } from "../fields.js";
import { MAX_LAYERS } from "../limits.js";

export const layerCounters = z.strictObject({
  cycles: u32,
  stallWeights: u32,
  weightBeats: u32,
  /** CRC-32C of each output in engine order (overlay/engine-order.ts); the second is 0 where there is none. */
  crc: z.tuple([u32, u32]),
});

export const layerReadout = z.strictObject({
  frame: u32,
  layers: z.array(layerCounters).max(MAX_LAYERS),
});

export const layers = defineExchange({
  name: "layers",
  code: 0x22,
  request: z.strictObject({ model: u32 }),
  reply: layerReadout,
});

export type LayerReadout = ReplyOf<typeof layers>;
export type LayerReading = LayerReadout["layers"][number];
