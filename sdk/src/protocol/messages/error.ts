/**
 * The body of a reply whose ERROR flag is set: the facts of a SluiceError, so that the host can throw the very class
 * the board threw. A frame with id 0 concerns the connection as a whole; the board hangs up after it.
 */
import { z } from "zod";
import {
  CodecError,
  CompileError,
  DatasetError,
  DeviceError,
  GraphError,
  ImportError,
  LoaderError,
  OverlayError,
  PackageError,
  ProtocolError,
  SecurityError,
  SluiceError,
  StoreError,
  TransportError,
} from "../../errors.js";
import { decodeBody, encodeBody } from "../cbor.js";

const MAX_DETAILS = 8_192;
const MAX_TEXT = 2_000;
const fact = z.string().max(MAX_TEXT).optional();

const errorFacts = z.strictObject({
  error: z.string().max(64),
  code: z.string().max(64),
  message: z.string().max(MAX_TEXT),
  place: fact,
  expected: fact,
  found: fact,
  hint: fact,
  /** JSON text. */
  details: z.string().max(MAX_DETAILS).optional(),
});

const classes: Readonly<Record<string, typeof SluiceError>> = {
  CodecError,
  CompileError,
  DatasetError,
  DeviceError,
  GraphError,
  ImportError,
  LoaderError,
  OverlayError,
  PackageError,
  ProtocolError,
  SecurityError,
  StoreError,
  TransportError,
};

/** Any thrown value becomes facts; what is not a SluiceError is reported as `internal` without its stack. */
export function encodeError(thrown: unknown): Uint8Array {
  const error =
    thrown instanceof SluiceError
      ? thrown
      : new SluiceError("internal", `The board runtime failed: ${messageOf(thrown)}`, {
          hint: "This is a defect of the board runtime; its log has the details.",
        });
  const details = JSON.stringify(error.details);
  return encodeBody({
    error: error.name.slice(0, 64),
    code: error.code.slice(0, 64),
    message: error.message.slice(0, MAX_TEXT),
    place: error.place?.slice(0, MAX_TEXT),
    expected: error.expected?.slice(0, MAX_TEXT),
    found: error.found?.slice(0, MAX_TEXT),
    hint: error.hint?.slice(0, MAX_TEXT),
    details: details !== "{}" && details.length <= MAX_DETAILS ? details : undefined,
  });
}

/**
 * Rebuilds the error a board reported. `board` goes in front of the place.
 * @throws {ProtocolError} `bad-cbor`, `bad-field` when the error reply itself is malformed.
 */
export function decodeError(body: Uint8Array, board: string): SluiceError {
  const result = errorFacts.safeParse(decodeBody(body));
  if (!result.success) {
    throw new ProtocolError("bad-field", "The board reported an error in a form that cannot be read.", {
      place: `error reply of ${board}`,
      expected: result.error.issues[0].message,
      hint: "The two ends may run different releases; compare `sluice --version` on both.",
    });
  }
  const { error, code, message, place, expected, found, hint, details } = result.data;
  const ErrorClass = Object.hasOwn(classes, error) ? classes[error] : SluiceError;
  return new ErrorClass(code, message, {
    place: place === undefined ? board : `${board}, ${place}`,
    expected,
    found,
    hint,
    details: parseDetails(details),
  });
}

function parseDetails(details: string | undefined): Record<string, unknown> | undefined {
  if (details === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(details);
    return parsed !== null && typeof parsed === "object" ? { ...parsed } : undefined;
  } catch (cause) {
    throw new ProtocolError("bad-field", "The details of a board's error are not JSON.", { cause });
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
