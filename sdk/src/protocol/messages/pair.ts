/**
 * PAIR (0x02), host to board: keep the key that this connection has brought about; later connections prove it. The only
 * exchange of a connection whose greeting said `pairing`, and of no other. The board answers what it is called and hangs
 * up. The key itself does not travel (security/key-schedule.ts, "pairing").
 */
import { z } from "zod";
import { defineExchange } from "../exchange.js";
import { name } from "../fields.js";

export const pair = defineExchange({
  name: "pair",
  code: 0x02,
  request: z.strictObject({
    /** What the board shall call this host, for its list. */
    client: name,
  }),
  reply: z.strictObject({ board: name }),
});
