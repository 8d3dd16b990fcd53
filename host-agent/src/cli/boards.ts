/** `sluice boards`: what can be deployed to from here. */
import type { Command } from "commander";
import { findBoards } from "../boards/index.js";
import { renderTable } from "../report/text-table.js";
import { writeJson } from "./json-output.js";

export function registerBoards(program: Command): void {
  program
    .command("boards")
    .description("List the boards that can be reached: USB serial, network, configuration")
    .option("--json <file>", "write the list as JSON to a file, or to stdout with -")
    .addHelpText("after", "\nExamples:\n  sluice boards\n  sluice boards --json -")
    .action(async (options: { readonly json?: string }) => {
      const boards = await findBoards();
      writeJson(options.json, { boards });
      if (options.json === "-") return;
      if (boards.length === 0) {
        process.stdout.write(
          "No board found. Plug in a KV260's USB cable, name one with --link tcp:HOST, or deploy to the emulated one:\n" +
            "  sluice deploy --board kv260\n",
        );
        return;
      }
      const rows = boards.map(({ name, link, foundBy }) => [name, link, foundBy, `--link ${link}`]);
      const titles = ["board", "link", "found by", "use"].map((title) => ({ title }));
      process.stdout.write(`${renderTable(titles, rows)}\n`);
    });
}
