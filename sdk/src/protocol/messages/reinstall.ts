/**
 * REINSTALL (0x24), host to board: as INSTALL, of a request the board has seen: the second deploy of a package need not
 * repeat its plan. The fingerprint is the SHA-256 of that request's body. A board that does not remember it answers
 * `unknown`, and the host sends the whole request.
 */
import { z } from "zod";
import { defineExchange, type ReplyOf } from "../exchange.js";
import { sha256 } from "../fields.js";
import { install } from "./install.js";

export const reinstall = defineExchange({
  name: "reinstall",
  code: 0x24,
  request: z.strictObject({ fingerprint: sha256 }),
  reply: z.union([install.reply, z.strictObject({ state: z.literal("unknown") })]),
});

export type ReinstallReply = ReplyOf<typeof reinstall>;
