/** `sluice doctor --board kv260`: the board's own doctor, from a checkout; `sluice-board doctor` is the same. */
import { type BoardDoctorOptions, examineBoard } from "@sluice/board-firmware/commands/doctor.js";
import { exitCodes } from "./exit-codes.js";

export type { BoardDoctorOptions };

export async function examineKv260(options: BoardDoctorOptions): Promise<void> {
  if (!(await examineBoard(options))) process.exitCode = exitCodes.board;
}
