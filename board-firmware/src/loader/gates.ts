/**
 * The gates in front of the fabric, in order. Each refuses with a LoaderError whose code is `gate-<name>`; nothing
 * behind a gate happens before it has passed, and the overlay's own registers lie behind all of them but the last.
 */
import { LoaderError, type SluiceErrorFacts } from "@sluice/sdk/errors.js";

export const gates = [
  "board",
  "manifest",
  "header",
  "part",
  "size",
  "hash",
  "byte-order",
  "handoff",
  "flags",
  "program",
  "state",
  "log",
  "device-tree",
  "axi-width",
  "clock",
  "identity",
] as const;
export type Gate = (typeof gates)[number];

/** One gate that let the load through, and what it saw. */
export interface PassedGate {
  readonly gate: Gate;
  readonly found: string;
}

export function refuse(gate: Gate, message: string, facts: SluiceErrorFacts): LoaderError {
  return new LoaderError(`gate-${gate}`, message, { ...facts, details: { ...facts.details, gate } });
}

/** Passes errors on, but under the name of the gate that was tried. */
export function atGate<T>(gate: Gate, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asRefusal(gate, error);
  }
}

export function asRefusal(gate: Gate, error: unknown): unknown {
  if (!(error instanceof LoaderError) || error.code.startsWith("gate-")) return error;
  const { code, message, place, expected, found, hint, details } = error;
  return refuse(gate, message, {
    place,
    expected,
    found,
    hint,
    details: { ...details, reason: code },
    cause: error,
  });
}

export const hex = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
