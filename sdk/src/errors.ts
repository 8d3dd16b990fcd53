/**
 * What went wrong, as facts a program can branch on and a person can act on.
 *
 * Every layer has one subclass, so `catch` can tell a bad file from a bad link. `code` is stable and part of the
 * public interface; `message` is not. `hint` is the next step for the person who reads it.
 */
export interface SluiceErrorFacts {
  /** Where: a file and byte offset, a layer name, a register, a message field. */
  readonly place?: string;
  /** What was expected and what was found, in the reader's units. */
  readonly expected?: string;
  readonly found?: string;
  /** What to do next, as a full sentence. */
  readonly hint?: string;
  /** Further values for debugging; must survive JSON. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class SluiceError extends Error {
  /** Stable kebab-case identifier, unique within its class. */
  readonly code: string;
  readonly place?: string;
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, facts: SluiceErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = code;
    this.place = facts.place;
    this.expected = facts.expected;
    this.found = facts.found;
    this.hint = facts.hint;
    this.details = facts.details ?? {};
  }

  /** The plain object that `--json` and the protocol carry. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, place, expected, found, hint, details } = this;
    return { error: name, code, message, place, expected, found, hint, details };
  }
}

/** A model file that cannot be read or uses something the importer does not know. */
export class ImportError extends SluiceError {}
/** A Graph that contradicts itself (shapes, ranges, order). */
export class GraphError extends SluiceError {}
/** A Graph the overlay cannot run, or not within its memory or its proven ranges. */
export class CompileError extends SluiceError {}
/** A compression target that cannot be read, or that no plan reaches. */
export class PlanError extends SluiceError {}
/** A weight stream that is damaged or was asked for something impossible. */
export class CodecError extends SluiceError {}
/** A `.sluice` file that is truncated, corrupted, oversized or of another version. */
export class PackageError extends SluiceError {}
/** Pictures, tensors or data sets that cannot be read. */
export class DatasetError extends SluiceError {}
/** A malformed or unexpected frame or message. */
export class ProtocolError extends SluiceError {}
/** A layer program, register access or geometry outside the overlay's contract. */
export class OverlayError extends SluiceError {}
/** A device that is the wrong one, ran out of memory, answered late, stopped with an error or was misused. */
export class DeviceError extends SluiceError {}
/** A gate that refused to load or touch the fabric; `details.gate` names it. */
export class LoaderError extends DeviceError {}
/** A link that cannot be opened, fell silent or broke: `timeout`, `disconnected`, `refused`, `busy`, `no-such-port`, ... */
export class TransportError extends SluiceError {}
/** The board's section store: `store-full`, `hash-mismatch`, `unknown-section`, `store-damaged`, ... */
export class StoreError extends SluiceError {}
/** An end, a link or a package that does not prove to be what it claims: `not-paired`, `wrong-key`, `tampered`, ... */
export class SecurityError extends SluiceError {}
