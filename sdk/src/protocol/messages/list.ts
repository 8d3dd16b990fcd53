/** LIST (0x11), host to board: the sections in the store, most recently used first, and the room that is left. */
import { z } from "zod";
import { defineExchange, type ReplyOf } from "../exchange.js";
import { counter, sectionBytes, sha256 } from "../fields.js";
import { MAX_SECTIONS } from "../limits.js";

export const list = defineExchange({
  name: "list",
  code: 0x11,
  request: z.strictObject({}),
  reply: z.strictObject({
    sections: z.array(z.strictObject({ sha256, bytes: sectionBytes })).max(MAX_SECTIONS),
    /** Sections in the store; may exceed the list, which is cut at its limit. */
    count: counter,
    usedBytes: counter,
    capacityBytes: counter,
  }),
});

export type StoreListing = ReplyOf<typeof list>;
