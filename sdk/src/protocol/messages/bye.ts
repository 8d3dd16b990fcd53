/** BYE (0x04), host to board: gives the device back at once. The board answers, then either end may hang up. */
import { z } from "zod";
import { defineExchange } from "../exchange.js";

export const bye = defineExchange({
  name: "bye",
  code: 0x04,
  request: z.strictObject({}),
  reply: z.strictObject({}),
});
