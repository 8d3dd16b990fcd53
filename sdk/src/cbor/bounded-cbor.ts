/**
 * CBOR (RFC 8949) for untrusted bytes: the layout is checked in one pass before the decoder allocates anything, so a
 * few bytes cannot claim a gigabyte and deep nesting cannot exhaust the stack. Definite lengths only, no tags.
 */
import { Encoder } from "cbor-x";
import { SluiceError } from "../errors.js";

/** `truncated`, `trailing-bytes`, `too-deep`, `too-many-items`, `unsupported-item`, `undecodable`. */
export class CborError extends SluiceError {}

export interface CborLimits {
  /** Deepest nesting of arrays and maps. */
  readonly maxDepth: number;
  /** Items of any kind in the whole document. */
  readonly maxItems: number;
}

export const defaultCborLimits: CborLimits = { maxDepth: 16, maxItems: 2_000_000 };

// Plain maps with string keys, no records, no tags: what any other CBOR library reads.
const encoder = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  variableMapSize: true,
});

export function encodeCbor(value: unknown): Uint8Array {
  const encoded = encoder.encode(value);
  return new Uint8Array(encoded); // a copy: the encoder reuses its buffer
}

/** @throws {CborError} before anything is allocated for a document that is malformed or beyond the limits. */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits = defaultCborLimits): unknown {
  checkLayout(bytes, limits);
  try {
    return encoder.decode(bytes);
  } catch (cause) {
    throw new CborError("undecodable", "CBOR data could not be decoded.", { cause });
  }
}

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;

/** Walks every item header; item counts still owed at each level are kept on an explicit stack. */
function checkLayout(bytes: Uint8Array, limits: CborLimits): void {
  const owed: number[] = [1];
  let at = 0;
  let items = 0;
  while (owed.length > 0) {
    const level = owed.length - 1;
    if (owed[level] === 0) {
      owed.pop();
      continue;
    }
    owed[level] -= 1;
    items += 1;
    if (items > limits.maxItems) {
      throw new CborError("too-many-items", "CBOR data holds more items than allowed.", {
        place: `byte ${at}`,
        expected: `at most ${limits.maxItems}`,
      });
    }
    const head = readHead(bytes, at);
    at = head.next;
    switch (head.major) {
      case MAJOR.bytes:
      case MAJOR.text:
        at += head.argument;
        if (at > bytes.length) throw truncated(bytes, at);
        break;
      case MAJOR.array:
      case MAJOR.map: {
        const children = head.argument * (head.major === MAJOR.map ? 2 : 1);
        // Every item takes at least a byte, so a larger claim is a lie.
        if (children > bytes.length - at) throw truncated(bytes, at + children);
        if (owed.length >= limits.maxDepth) {
          throw new CborError("too-deep", "CBOR data is nested too deeply.", {
            place: `byte ${at}`,
            expected: `at most ${limits.maxDepth} levels`,
          });
        }
        owed.push(children);
        break;
      }
      case MAJOR.tag:
        throw new CborError("unsupported-item", "CBOR tags are not used here.", { place: `byte ${at}` });
      default:
        break;
    }
  }
  if (at !== bytes.length) {
    throw new CborError("trailing-bytes", "CBOR data is followed by more bytes.", {
      expected: `${at} bytes`,
      found: `${bytes.length} bytes`,
    });
  }
}

function readHead(bytes: Uint8Array, at: number): { major: number; argument: number; next: number } {
  if (at >= bytes.length) throw truncated(bytes, at + 1);
  const major = bytes[at] >> 5;
  const info = bytes[at] & 0x1f;
  if (info < 24) return { major, argument: info, next: at + 1 };
  if (info > 27) {
    throw new CborError("unsupported-item", "CBOR items of indefinite length are not used here.", {
      place: `byte ${at}`,
    });
  }
  const width = 1 << (info - 24);
  if (at + 1 + width > bytes.length) throw truncated(bytes, at + 1 + width);
  let argument = 0;
  for (let index = 0; index < width; index += 1) argument = argument * 256 + bytes[at + 1 + index];
  return { major, argument, next: at + 1 + width };
}

function truncated(bytes: Uint8Array, needed: number): CborError {
  return new CborError("truncated", "CBOR data ends too early.", {
    expected: `at least ${needed} bytes`,
    found: `${bytes.length} bytes`,
  });
}
