/**
 * RUN (0x21), host to board: the attachment is `indices.length` input frames back to back, each of the plan's
 * `inputFrameBytes`; the answer's attachment is the output frames in the same order, each of `outputFrameBytes`.
 *
 * Every frame has an index of the host's choice. The board echoes the indices with the outputs, so that a host can
 * count each frame exactly once, whatever happened to the link in between. With `readLayers` the answer also carries
 * the layer counters of the batch's last frame. Errors: `no-model`, `frame-bytes`, and what the device reports.
 */
import { z } from "zod";
import { defineExchange, type ReplyOf } from "../exchange.js";
import { counter, u32 } from "../fields.js";
import { MAX_ATTACHMENT_BYTES, MAX_FRAMES } from "../limits.js";
import { layerReadout } from "./layers.js";

const indices = z.array(u32).min(1).max(MAX_FRAMES);

export const run = defineExchange({
  name: "run",
  code: 0x21,
  request: z.strictObject({ model: u32, indices, readLayers: z.boolean() }),
  reply: z.strictObject({
    indices,
    /** Fabric cycles of the whole batch. */
    cycles: counter,
    /** Of the batch's last frame: cycles without weights, without data, and beats on the weight port. */
    stallWeights: counter,
    stallData: counter,
    weightBeats: counter,
    /** Wall-clock time the board spent on the batch. */
    microseconds: counter,
    layers: layerReadout.optional(),
  }),
  requestAttachment: MAX_ATTACHMENT_BYTES,
  replyAttachment: MAX_ATTACHMENT_BYTES,
});

export type RunReply = ReplyOf<typeof run>;
