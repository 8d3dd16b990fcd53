/** An error for people: the fact, the place, expected and found, the next step. Never a stack trace. */
import { SluiceError } from "@sluice/sdk/errors.js";

/** Writes it to standard error and sets the exit code; rethrows what is a defect. */
export function reportBoardError(error: unknown): void {
  if (!(error instanceof SluiceError)) throw error;
  const facts = [
    `[${error.code}]${error.place ? ` ${error.place}` : ""}`,
    error.expected && `expected: ${error.expected}`,
    error.found && `found: ${error.found}`,
    ...kernelLogOf(error),
  ];
  const lines = [error.message, ...facts.filter(Boolean), error.hint].filter(Boolean);
  process.stderr.write(`sluice board: ${lines.join("\n  ")}\n`);
  process.exitCode = 1;
}

/** What the kernel said when the fabric was loaded, where the error carries it. */
function kernelLogOf(error: SluiceError): string[] {
  const { kernelLog } = error.details;
  return Array.isArray(kernelLog) ? kernelLog.map((line) => `kernel: ${String(line)}`) : [];
}
