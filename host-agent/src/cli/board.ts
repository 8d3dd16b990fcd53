/** `sluice board`: the board runtime, on this machine, with any device. */
import { boardCommand } from "@sluice/board-firmware/command.js";
import type { Command } from "commander";

export function registerBoard(program: Command): void {
  program.addCommand(boardCommand("board"));
}
