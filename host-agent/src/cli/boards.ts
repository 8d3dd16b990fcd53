/** `sluice boards`: what can be deployed to from here. */
import type { Command } from "commander";
import { findBoards, probeBoards } from "../boards/index.js";
import { renderTable } from "../report/text-table.js";
import { writeJson } from "./json-output.js";

export function registerBoards(program: Command): void {
  program
    .command("boards")
    .description("List the boards that can be reached: USB serial, network, configuration")
    .option("--insecure", "also ask boards that prove nothing and are not on this machine")
    .option("--json <file>", "write the list as JSON to a file, or to stdout with -")
    .addHelpText("after", "\nExamples:\n  sluice boards\n  sluice boards --json -")
    .action(async (options: { readonly json?: string; readonly insecure?: boolean }) => {
      const probed = await probeBoards(await findBoards(), undefined, options.insecure);
      const boards = probed.map(describe);
      writeJson(options.json, { boards });
      if (options.json === "-") return;
      if (boards.length === 0) {
        process.stdout.write(
          "No board found. Plug in a KV260's USB cable, name one with --link tcp:HOST, or deploy to the emulated one:\n" +
            "  sluice deploy --board kv260\n",
        );
        return;
      }
      const rows = boards.map(({ name, device, link, reason, state }) => [name, device, link, reason, state]);
      const titles = ["board", "device", "--link", "found", "state"].map((title) => ({ title }));
      process.stdout.write(`${renderTable(titles, rows)}\n`);
    });
}

interface BoardListing {
  readonly name: string;
  readonly device: string;
  readonly link: string;
  readonly foundBy: string;
  readonly reason: string;
  /** "answers", or why not. */
  readonly state: string;
}

function describe(probed: Awaited<ReturnType<typeof probeBoards>>[number]): BoardListing {
  const { name, link, foundBy, reason } = probed.candidate;
  if ("error" in probed) return { name, device: "", link, foundBy, reason, state: probed.error.message };
  const { board } = probed.hello;
  return { name: board.name, device: board.kind, link, foundBy, reason, state: "answers" };
}
