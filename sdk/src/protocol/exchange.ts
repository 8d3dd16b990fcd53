/** One exchange: what is asked, what is answered, and the limits of both. One file per exchange in messages/. */
import type { z } from "zod";
import { ProtocolError } from "../errors.js";
import { decodeBody, encodeBody } from "./cbor.js";

export interface Exchange<Request, Reply> {
  /** kebab-case; appears in errors and logs. */
  readonly name: string;
  /** Stable for ever; never reused. */
  readonly code: number;
  readonly request: z.ZodType<Request>;
  readonly reply: z.ZodType<Reply>;
  /** Most bytes of attachment each direction may carry; 0 = none. */
  readonly requestAttachment: number;
  readonly replyAttachment: number;
  /** `sha256`: the content is verified as a whole elsewhere, so the frame carries no CRC of it. */
  readonly attachmentCheck: "crc32c" | "sha256";
}

type RequestSide<Request> = Pick<Exchange<Request, unknown>, "name" | "request">;
type ReplySide<Reply> = Pick<Exchange<unknown, Reply>, "name" | "reply">;

export type RequestOf<E> = E extends Exchange<infer Request, infer _> ? Request : never;
export type ReplyOf<E> = E extends Exchange<infer _, infer Reply> ? Reply : never;

export function defineExchange<Request, Reply>(
  definition: Pick<Exchange<Request, Reply>, "name" | "code" | "request" | "reply"> &
    Partial<Exchange<Request, Reply>>,
): Exchange<Request, Reply> {
  return { requestAttachment: 0, replyAttachment: 0, attachmentCheck: "crc32c", ...definition };
}

/**
 * Validates and encodes. The sender checks too: a value that the other end would refuse never leaves.
 * @throws {ProtocolError} `bad-field`
 */
export function encodeRequest<Request>(exchange: RequestSide<Request>, request: Request): Uint8Array {
  return encodeBody(checked(exchange, exchange.request, "request", request));
}

export function encodeReply<Reply>(exchange: ReplySide<Reply>, reply: Reply): Uint8Array {
  return encodeBody(checked(exchange, exchange.reply, "reply", reply));
}

/** @throws {ProtocolError} `bad-cbor`, `bad-field` */
export function decodeRequest<Request>(exchange: RequestSide<Request>, body: Uint8Array): Request {
  return checked(exchange, exchange.request, "request", decodeBody(body));
}

/** @throws {ProtocolError} `bad-cbor`, `bad-field` */
export function decodeReply<Reply>(exchange: ReplySide<Reply>, body: Uint8Array): Reply {
  return checked(exchange, exchange.reply, "reply", decodeBody(body));
}

function checked<T>(
  exchange: { readonly name: string },
  schema: z.ZodType<T>,
  side: string,
  value: unknown,
): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue.path.map(String).join(".").slice(0, 200) || "the body";
  throw new ProtocolError("bad-field", `A ${exchange.name} ${side} has a field that cannot be right.`, {
    place: `${exchange.name} ${side}, ${field}`,
    expected: issue.message.slice(0, 500),
    found: describe(value, issue.path),
    hint: "The two ends may run different releases; compare `sluice --version` on both.",
  });
}

function describe(value: unknown, path: readonly PropertyKey[]): string {
  let at = value;
  for (const key of path) {
    if (at === null || typeof at !== "object") return typeof at;
    at = Object.getOwnPropertyDescriptor(at, key)?.value;
  }
  if (at instanceof Uint8Array) return `${at.length} bytes`;
  if (Array.isArray(at)) return `${at.length} elements`;
  if (typeof at === "string") return JSON.stringify(at.slice(0, 80));
  return at !== null && typeof at === "object" ? "a map" : String(at);
}
