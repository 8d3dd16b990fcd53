/** `sluice pair`: makes this host and a board known to each other, once, with the code the board shows. */
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { type BoardCandidate, findBoards, probeBoard } from "../boards/index.js";
import { pairBoard, userKeyRing } from "../pairing/index.js";
import { renderTable } from "../report/text-table.js";
import { UsageError } from "./errors.js";
import { exitCodes } from "./exit-codes.js";
import { writeJson } from "./json-output.js";

interface PairCommandOptions {
  readonly board?: string;
  readonly link?: string;
  readonly code?: string;
  readonly name?: string;
  readonly list?: boolean;
  readonly forget?: string;
  readonly json?: string;
}

export function registerPair(program: Command): void {
  program
    .command("pair")
    .description(
      "Pair this host with a board, with the one-time code the board shows; list or forget pairings",
    )
    .option("--board <name>", "a board of the configuration, or kv260 for the first one found")
    .option("--link <link>", "tcp:HOST[:PORT] or serial:PATH[:BAUD]; default: the first board found")
    .option("--code <code>", "the code, for example K7QF-2M9X; asked for when absent")
    .option("--name <name>", "what to call the board here (default: what it calls itself)")
    .option("--list", "list the boards this host is paired with")
    .option("--forget <board>", "forget a board, by name, link or id")
    .option(
      "--json <file>",
      "write the result as JSON to a file, or to stdout with -; keys are never written",
    )
    .addHelpText(
      "after",
      `
Examples:
  sluice pair --link tcp:192.168.1.20            asks for the code the board shows on its console
  sluice pair --link serial:/dev/ttyUSB1 --code K7QF-2M9X
  sluice pair --list
  sluice pair --forget bench

The board shows a code when it knows no host yet; later: sluice-board pair --state DIR, on the board.
The keys are in ~/.config/sluice/paired-boards.json. What pairing protects against: docs/security.md.`,
    )
    .action(pair);
}

async function pair(options: PairCommandOptions): Promise<void> {
  if (options.list) return list(options);
  if (options.forget !== undefined) return forget(options.forget, options);
  const candidate = await chooseBoard(options);
  const code = options.code ?? (await askForCode(candidate.link));
  const { link } = candidate;
  const ring = userKeyRing();
  const { id, name } = await pairBoard(candidate.open(), { ring, code, link, name: options.name });
  // The proof of the pudding: a connection of the kind every later one is.
  const { hello } = await probeBoard(candidate, 10_000);
  writeJson(options.json, { id, name, link, authentication: hello.authentication });
  if (options.json === "-") return;
  process.stdout.write(
    `paired with ${name} (${hello.board.device}) over ${link}\nnext: sluice deploy --link ${link}\n`,
  );
}

async function chooseBoard({ board, link }: PairCommandOptions): Promise<BoardCandidate> {
  const named = link ?? (board === "kv260" ? undefined : board);
  const [first] = await findBoards({ link: named });
  if (first) return first;
  throw new UsageError("no-board", "No board was found to pair with.", {
    expected: "a KV260 on USB or one that announces itself, or --link",
    hint: "Name it: sluice pair --link tcp:HOST or --link serial:PATH.",
  });
}

async function askForCode(link: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new UsageError("no-code", "There is nobody to ask for the code.", {
      expected: "--code CODE, as the board shows it",
      hint: "Run `sluice-board pair` on the board and give what it prints with --code.",
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(`Code that the board on ${link} shows: `);
  } finally {
    terminal.close();
  }
}

function list({ json }: PairCommandOptions): void {
  const boards = userKeyRing()
    .list()
    .map(({ id, name, link, pairedAt }) => ({ id, name, link, pairedAt }));
  writeJson(json, { boards });
  if (json === "-") return;
  if (boards.length === 0) {
    process.stdout.write("This host is not paired with any board. Pair one: sluice pair --link LINK\n");
    return;
  }
  const titles = ["board", "paired over", "paired at", "id"].map((title) => ({ title }));
  const rows = boards.map(({ id, name, link, pairedAt }) => [name, link, pairedAt, id]);
  process.stdout.write(`${renderTable(titles, rows)}\n`);
}

function forget(which: string, { json }: PairCommandOptions): void {
  const forgotten = userKeyRing()
    .forget(which)
    .map(({ id, name, link }) => ({ id, name, link }));
  writeJson(json, { forgotten });
  if (forgotten.length === 0) {
    process.stderr.write(`error: no board is called ${which}; see sluice pair --list\n`);
    process.exitCode = exitCodes.badInput;
  } else if (json !== "-") {
    process.stdout.write(
      `forgot ${forgotten.map(({ name }) => name).join(", ")}\n` +
        "The board still knows this host: sluice-board hosts --forget, on the board.\n",
    );
  }
}
