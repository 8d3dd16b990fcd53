/** What the process's exit code says; documented in `sluice --help` and README.md. */
import {
  CodecError,
  CompileError,
  DatasetError,
  GraphError,
  ImportError,
  PackageError,
  PlanError,
} from "@sluice/sdk/errors.js";

export const exitCodes = {
  ok: 0,
  notBitExact: 1,
  usage: 2,
  badInput: 3,
  board: 4,
  internal: 70,
} as const;

const inputErrors = [ImportError, PackageError, DatasetError, GraphError, CompileError, CodecError];

export function exitCodeOf(error: Error): number {
  if (error instanceof PlanError)
    return error.code === "unreachable-target" ? exitCodes.badInput : exitCodes.usage;
  return inputErrors.some((type) => error instanceof type) ? exitCodes.badInput : exitCodes.board;
}

export const exitCodeHelp = `Exit codes:
  0   done; everything compared was equal
  1   the board's results differ from the reference
  2   wrong usage
  3   a model, package or data set cannot be used, or not for the target
  4   the board or the link failed
  70  a defect in sluice itself`;
