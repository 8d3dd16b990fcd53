/** PING (0x03), host to board: the heartbeat that keeps a hold alive. Harmless at any time after the handshake. */
import { z } from "zod";
import { defineExchange } from "../exchange.js";

export const ping = defineExchange({
  name: "ping",
  code: 0x03,
  request: z.strictObject({}),
  reply: z.strictObject({}),
});
