/** `--fault`, `--fault-seed` and `--fault list`, for every command that takes them. */
import { TransportError } from "@sluice/sdk/errors.js";
import type { Command } from "commander";
import { FaultPlan } from "./fault-plan.js";
import { faultTable } from "./fault-table.js";

export interface FaultOptions {
  readonly fault?: readonly string[];
  readonly faultSeed?: string;
}

export function addFaultOptions(command: Command): Command {
  return command
    .option(
      "--fault <name...>",
      "emulated board: fail on purpose, NAME, NAME@N (Nth opportunity) or NAME:p (probability); `list` shows them",
    )
    .option("--fault-seed <n>", "decides everything random about --fault (default 1)");
}

export function asksForFaultList({ fault }: FaultOptions): boolean {
  return fault?.includes("list") === true;
}

/** @throws {DeviceError} `bad-fault` @throws {TransportError} `bad-option` */
export function faultPlanOf({ fault, faultSeed }: FaultOptions): FaultPlan | undefined {
  if (fault === undefined) return undefined;
  const seed = Number(faultSeed ?? 1);
  if (Number.isSafeInteger(seed)) return new FaultPlan(fault, { seed });
  throw new TransportError("bad-option", "--fault-seed wants a whole number.", { found: faultSeed });
}

/** For people, a line or two each. */
export function faultListing(): string {
  const width = Math.max(...faultTable.map(({ id }) => id.length));
  const lines = faultTable.map(({ id, what, opportunity, errors }) => {
    const codes = errors.length > 0 ? errors.join(", ") : "no error: harmless";
    return `${id.padEnd(width)}  ${what}\n${" ".repeat(width)}    at ${opportunity}; ${codes}\n`;
  });
  return lines.join("");
}
