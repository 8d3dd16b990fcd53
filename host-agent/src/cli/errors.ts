/** Prints errors for people: the fact, the place, expected and found, the next step. Never a stack trace. */
import { SluiceError } from "@sluice/sdk/errors.js";
import { exitCodeOf, exitCodes } from "./exit-codes.js";

/** A mistake on the command line that commander cannot see (a wrong value, a contradiction). */
export class UsageError extends SluiceError {}

/** Writes the error to stderr (and to stdout as JSON when `json` is "-") and returns the exit code. */
export function reportError(error: unknown, json?: string): number {
  const known = error instanceof SluiceError ? error : undefined;
  if (json === "-") {
    const facts = known?.toJSON() ?? { error: "InternalError", code: "internal", message: String(error) };
    process.stdout.write(`${JSON.stringify(facts, replaceBigInts, 2)}\n`);
  }
  if (!known) {
    const fileCode = (error as NodeJS.ErrnoException)?.code;
    if (typeof fileCode === "string" && (error as NodeJS.ErrnoException).syscall !== undefined) {
      process.stderr.write(`error: ${(error as Error).message} [${fileCode.toLowerCase()}]\n`);
      return exitCodes.badInput;
    }
    const detail = process.env.SLUICE_DEBUG && error instanceof Error ? `\n${error.stack}` : "";
    process.stderr.write(`error: sluice failed unexpectedly: ${String(error)}${detail}\n`);
    if (!detail)
      process.stderr.write("  next      run again with SLUICE_DEBUG=1 and report what it prints\n");
    return exitCodes.internal;
  }
  const lines = [`error: ${known.message} [${known.code}]`];
  if (known.place) lines.push(`  where     ${known.place}`);
  if (known.expected) lines.push(`  expected  ${known.expected}`);
  if (known.found) lines.push(`  found     ${known.found}`);
  if (known.hint) lines.push(`  next      ${known.hint}`);
  if (process.env.SLUICE_DEBUG) lines.push(known.stack ?? "", JSON.stringify(known.details, replaceBigInts));
  process.stderr.write(`${lines.join("\n")}\n`);
  return known instanceof UsageError ? exitCodes.usage : exitCodeOf(known);
}

function replaceBigInts(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}
