/**
 * The CBOR (RFC 8949) that message bodies use: definite lengths, no tags, text keys, few levels.
 *
 * cbor-x also understands tags that build Maps, Sets, Errors, shared references and record structures; none of them
 * has any business in a message from a stranger. `decodeBody` therefore walks the bytes first and lets cbor-x see only
 * what passed: unsigned and negative integers, byte and text strings, arrays, maps with text keys, false, true, null
 * and floats. The walk also bounds depth and count before anything is allocated.
 */
import { Decoder, Encoder } from "cbor-x";
import { ProtocolError } from "../errors.js";
import { MAX_CBOR_DEPTH, MAX_CBOR_ITEMS } from "./limits.js";

const options = {
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  variableMapSize: true,
  int64AsNumber: true,
};
const encoder = new Encoder(options);
const decoder = new Decoder(options);

/** Encodes a body. Properties that are undefined are left out. Integers beyond 2^32 travel as doubles. */
export function encodeBody(body: unknown): Uint8Array {
  return encoder.encode(withoutUndefined(body));
}

/**
 * Decodes exactly one value that fills `bytes`. Byte strings in the result are views of `bytes`.
 * @throws {ProtocolError} `bad-cbor`; `place` is the byte offset in the body.
 */
export function decodeBody(bytes: Uint8Array): unknown {
  checkShape(bytes);
  try {
    // A view of its own: cbor-x caches a DataView on the array it is given.
    return decoder.decode(bytes.subarray());
  } catch (cause) {
    throw badCbor(0, "cbor-x refuses it", cause);
  }
}

function withoutUndefined(value: unknown): unknown {
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(withoutUndefined);
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([key, field]) => [key, withoutUndefined(field)]));
}

/** Walks the items without building them. `pending[d]` counts the items still due at depth d. */
function checkShape(bytes: Uint8Array): void {
  const pending: number[] = [1];
  const inMap: boolean[] = [false];
  let at = 0;
  let items = 0;
  while (pending.length > 0) {
    const depth = pending.length - 1;
    if (pending[depth] === 0) {
      pending.pop();
      inMap.pop();
      continue;
    }
    const isKey = inMap[depth] && pending[depth] % 2 === 0;
    pending[depth] -= 1;
    items += 1;
    if (items > MAX_CBOR_ITEMS) throw badCbor(at, `more than ${MAX_CBOR_ITEMS} values`);
    if (at >= bytes.length) throw badCbor(at, "it ends in the middle of a value");
    const start = at;
    const major = bytes[at] >> 5;
    const info = bytes[at] & 0x1f;
    at += 1;
    if (isKey && major !== 3) throw badCbor(start, "a map key that is not text");
    if (info > 27) throw badCbor(start, "an indefinite length or a reserved value");
    const argumentBytes = info < 24 ? 0 : 2 ** (info - 24);
    if (at + argumentBytes > bytes.length) throw badCbor(start, "it ends in the middle of a value");
    let argument = info;
    if (argumentBytes > 0) {
      argument = 0;
      for (let i = 0; i < argumentBytes; i += 1) argument = argument * 256 + bytes[at + i];
    }
    at += argumentBytes;
    switch (major) {
      case 0:
      case 1:
        break;
      case 2:
      case 3:
        if (argument > bytes.length - at) throw badCbor(start, "a string longer than the body");
        at += argument;
        break;
      case 4:
      case 5: {
        const count = major === 5 ? argument * 2 : argument;
        if (count > bytes.length - at) throw badCbor(start, "more elements than bytes");
        if (pending.length > MAX_CBOR_DEPTH) throw badCbor(start, `nested deeper than ${MAX_CBOR_DEPTH}`);
        pending.push(count);
        inMap.push(major === 5);
        break;
      }
      case 7: {
        const simple = info < 24 ? info >= 20 && info <= 22 : info >= 25;
        if (!simple) throw badCbor(start, "a simple value other than false, true, null or a float");
        break;
      }
      default:
        throw badCbor(start, "a tag");
    }
  }
  if (at !== bytes.length) throw badCbor(at, "bytes after the value");
}

function badCbor(offset: number, what: string, cause?: unknown): ProtocolError {
  return new ProtocolError("bad-cbor", `The body of a message is not valid: ${what}.`, {
    place: `byte ${offset} of the body`,
    expected: "one CBOR value: definite lengths, no tags, text keys",
    found: what,
    hint: "The two ends may run different releases; compare `sluice --version` on both.",
    cause,
  });
}
