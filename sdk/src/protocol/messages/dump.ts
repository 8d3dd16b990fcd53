/**
 * DUMP (0x23), host to board: run the attached input frame and return what the given layer wrote.
 *
 * `layer` indexes the compute commands (LayerInfo.index), `output` is 0 or 1 (a layer may have two). The answer's
 * attachment is the tensor as int8 codes in row-major [height, width, channels] order, padding removed.
 * Errors: `no-model`, `no-such-layer`, `frame-bytes`, and what the device reports.
 */
import { z } from "zod";
import { defineExchange, type ReplyOf } from "../exchange.js";
import { u32 } from "../fields.js";
import { MAX_ATTACHMENT_BYTES } from "../limits.js";

export const dump = defineExchange({
  name: "dump",
  code: 0x23,
  request: z.strictObject({ model: u32, layer: u32, output: z.int().min(0).max(1), index: u32 }),
  reply: z.strictObject({
    index: u32,
    layer: u32,
    output: z.int().min(0).max(1),
    shape: z.tuple([u32, u32, u32]),
  }),
  requestAttachment: MAX_ATTACHMENT_BYTES,
  replyAttachment: MAX_ATTACHMENT_BYTES,
});

export type DumpReply = ReplyOf<typeof dump>;
