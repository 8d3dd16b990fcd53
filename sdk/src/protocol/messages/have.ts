/**
 * HAVE (0x10), host to board: which of these sections do you hold, and how much of the unfinished ones?
 * The answer is in the order of the question. `received` = `bytes` of the section when it is complete and verified.
 */
import { z } from "zod";
import { defineExchange } from "../exchange.js";
import { sectionBytes, sha256 } from "../fields.js";
import { MAX_SECTIONS } from "../limits.js";

export const have = defineExchange({
  name: "have",
  code: 0x10,
  request: z.strictObject({ sections: z.array(sha256).max(MAX_SECTIONS) }),
  reply: z.strictObject({
    sections: z.array(z.strictObject({ complete: z.boolean(), received: sectionBytes })).max(MAX_SECTIONS),
  }),
});
