/**
 * STATUS (0x30), host to board: how the board is. A reading the board cannot take says why; it is never zero.
 */
import { z } from "zod";
import { defineExchange, type ReplyOf } from "../exchange.js";
import { counter, name, text, u32 } from "../fields.js";

const reading = z.discriminatedUnion("available", [
  z.strictObject({ available: z.literal(true), value: z.number(), unit: name }),
  z.strictObject({ available: z.literal(false), reason: text }),
]);

export const status = defineExchange({
  name: "status",
  code: 0x30,
  request: z.strictObject({}),
  reply: z.strictObject({
    uptimeMs: counter,
    /** The model that is loaded, if any. */
    model: u32.optional(),
    holder: z.strictObject({ client: name, link: text, sinceMs: counter }).optional(),
    frames: counter,
    storeUsedBytes: counter,
    storeCapacityBytes: counter,
    residentBytes: counter,
    /** Connections since the start whose host proved itself, and those refused by reason (a code of SecurityError). */
    security: z.strictObject({ authenticated: counter, refused: z.record(z.string().max(64), counter) }),
    /** By name: "power", "temperature", "clock", "memory free". */
    readings: z.record(z.string().max(64), reading),
  }),
});

export type BoardStatus = ReplyOf<typeof status>;
export type Reading = z.infer<typeof reading>;
