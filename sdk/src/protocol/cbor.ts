/** Message bodies: CBOR with the strict limits of a message, and the protocol's own error. */
import { CborError, decodeCbor, encodeCbor } from "../cbor/index.js";
import { ProtocolError } from "../errors.js";
import { MAX_CBOR_DEPTH, MAX_CBOR_ITEMS } from "./limits.js";

const limits = { maxDepth: MAX_CBOR_DEPTH, maxItems: MAX_CBOR_ITEMS };

/** Encodes a body. Properties that are undefined are left out. Integers beyond 2^32 travel as doubles. */
export function encodeBody(body: unknown): Uint8Array {
  return encodeCbor(withoutUndefined(body));
}

/**
 * Decodes exactly one value that fills `bytes`. Byte strings in the result are views of `bytes`.
 * @throws {ProtocolError} `bad-cbor`
 */
export function decodeBody(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes, limits);
  } catch (cause) {
    if (!(cause instanceof CborError)) throw cause;
    throw new ProtocolError("bad-cbor", "The body of a message is not valid CBOR.", {
      place: cause.place,
      expected: cause.expected ?? "one value with definite lengths and no tags",
      found: cause.found ?? cause.code,
      hint: "The two ends may run different releases; compare `sluice --version` on both.",
      cause,
    });
  }
}

function withoutUndefined(value: unknown): unknown {
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(withoutUndefined);
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([key, field]) => [key, withoutUndefined(field)]));
}
