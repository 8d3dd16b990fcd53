/** REMOVE (0x13), host to board: forget these sections, finished or not. Unknown ones are skipped. */
import { z } from "zod";
import { defineExchange } from "../exchange.js";
import { counter, sha256 } from "../fields.js";
import { MAX_SECTIONS } from "../limits.js";

export const remove = defineExchange({
  name: "remove",
  code: 0x13,
  request: z.strictObject({ sections: z.array(sha256).max(MAX_SECTIONS) }),
  reply: z.strictObject({ removed: counter, freedBytes: counter }),
});
