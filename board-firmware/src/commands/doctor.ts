/** `sluice-board doctor`: every claim about the board, looked up on the machine this runs on; needs nothing but the release. */
import { writeFileSync } from "node:fs";
import { geometryById, kv260Geometry } from "@sluice/sdk/overlay";
import { Command } from "commander";
import type { SurveyFinding, Verdict } from "../survey/index.js";
import { reportBoardError } from "./report-error.js";

export interface BoardDoctorOptions {
  /** File for the findings, or "-" for standard output instead of the text. */
  readonly json?: string;
  readonly geometry?: string;
  /** Directory that stands for "/". */
  readonly root?: string;
}

const marks: Record<Verdict, string> = { holds: "\u2713", differs: "\u2717", unseen: "?" };

export function doctorCommand(): Command {
  return new Command("doctor")
    .description(
      "Look up every claim about a KV260 on this machine, and say what to type where one does not hold",
    )
    .option("--geometry <id>", "overlay geometry")
    .option("--root <dir>", "a directory that stands for /")
    .option("--json <file>", "the findings as JSON to a file, or to stdout with -")
    .addHelpText("after", "\nExamples:\n  sudo sluice-board doctor\n  sudo sluice-board doctor --json -")
    .action(async (_options, command: Command) => {
      try {
        const healthy = await examineBoard(command.optsWithGlobals<BoardDoctorOptions>());
        if (!healthy) process.exitCode = 1;
      } catch (error) {
        reportBoardError(error);
      }
    });
}

/** @returns false when a fact differs */
export async function examineBoard(options: BoardDoctorOptions): Promise<boolean> {
  // The board's native parts are loaded only for this.
  const { BoardFiles } = await import("../board-files/index.js");
  const { surveyBoard } = await import("../survey/index.js");
  const geometry = geometryById(options.geometry ?? kv260Geometry.id);
  const findings = await surveyBoard(new BoardFiles(options.root), geometry);
  const count = (verdict: Verdict): number =>
    findings.filter((finding) => finding.verdict === verdict).length;
  const healthy = count("differs") === 0;
  const json = `${JSON.stringify({ board: "kv260", geometry: geometry.id, healthy, findings }, null, 2)}\n`;
  if (options.json === "-") process.stdout.write(json);
  else if (options.json !== undefined) writeFileSync(options.json, json);
  if (options.json !== "-") {
    process.stdout.write(
      `${listing(findings)}\n\n${count("holds")} of ${findings.length} facts hold, ${count("differs")} do not, ` +
        `${count("unseen")} cannot be seen from here\n`,
    );
  }
  return healthy;
}

/** A line a fact, and below it what to type. */
function listing(findings: readonly SurveyFinding[]): string {
  const width = Math.max(...findings.map(({ fact }) => fact.length));
  return findings
    .flatMap(({ fact, verdict, found, next }) => [
      `${marks[verdict]}  ${fact.padEnd(width)}  ${found}`,
      ...(next === "" ? [] : [`${" ".repeat(width + 5)}next: ${next}`]),
    ])
    .join("\n");
}
