/** `sluice doctor --board kv260`: every claim about the board, looked up on the machine this runs on. */

import type { SurveyFinding, Verdict } from "@sluice/board-firmware/survey";
import { geometryById, kv260Geometry } from "@sluice/sdk/overlay";
import { renderTable } from "../report/text-table.js";
import { exitCodes } from "./exit-codes.js";
import { writeJson } from "./json-output.js";

export interface BoardDoctorOptions {
  readonly json?: string;
  readonly geometry?: string;
  /** Directory that stands for "/". */
  readonly root?: string;
}

const marks: Record<Verdict, string> = { holds: "✓", differs: "✗", unseen: "?" };

export async function examineKv260(options: BoardDoctorOptions): Promise<void> {
  // The board's native parts are loaded only for a board.
  const { BoardFiles } = await import("@sluice/board-firmware/board-files");
  const { surveyBoard } = await import("@sluice/board-firmware/survey");
  const geometry = geometryById(options.geometry ?? kv260Geometry.id);
  const findings = surveyBoard(new BoardFiles(options.root), geometry);
  const count = (verdict: Verdict): number =>
    findings.filter((finding) => finding.verdict === verdict).length;
  const healthy = count("differs") === 0;
  writeJson(options.json, { board: "kv260", geometry: geometry.id, healthy, findings });
  if (options.json !== "-") {
    process.stdout.write(`${table(findings)}\n\n`);
    const { length } = findings;
    process.stdout.write(
      `${count("holds")} of ${length} facts hold, ${count("differs")} do not, ${count("unseen")} cannot be seen from here\n`,
    );
  }
  if (!healthy) process.exitCode = exitCodes.board;
}

function table(findings: readonly SurveyFinding[]): string {
  const titles = ["", "fact", "found", "next"].map((title) => ({ title }));
  return renderTable(
    titles,
    findings.map(({ fact, verdict, found, next }) => [marks[verdict], fact, found, next]),
  );
}
