/**
 * UPLOAD (0x12), host to board: the attachment is a piece of the section that starts at `offset`.
 *
 * The board appends what arrives as it arrives, even when the link breaks before the frame is complete, and answers
 * how far it has come; `complete` says that it has every byte. The SHA-256 is compared when the section is used:
 * one that proves damaged is thrown away and `install` names it as missing again.
 * Errors: `wrong-offset` (details.received says where to go on), `store-full`, `section-too-long`.
 *
 * Sending a section the board already has is harmless: the answer is `complete`.
 */
import { z } from "zod";
import { defineExchange, type RequestOf } from "../exchange.js";
import { sectionBytes, sha256 } from "../fields.js";
import { MAX_ATTACHMENT_BYTES } from "../limits.js";

export const upload = defineExchange({
  name: "upload",
  code: 0x12,
  request: z.strictObject({ sha256, bytes: sectionBytes, offset: sectionBytes }),
  reply: z.strictObject({ received: sectionBytes, complete: z.boolean() }),
  requestAttachment: MAX_ATTACHMENT_BYTES,
  attachmentCheck: "sha256",
});

export type UploadRequest = RequestOf<typeof upload>;
