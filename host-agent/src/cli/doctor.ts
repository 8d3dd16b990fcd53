/** `sluice doctor`: what this machine can and cannot do, and what to type about it. */

import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { freemem, totalmem } from "node:os";
import { type Command, Option } from "commander";
import { findBoards, startEmulatedBoard, usbBoards } from "../boards/index.js";
import { renderTable } from "../report/text-table.js";
import { type BoardDoctorOptions, examineKv260 } from "./doctor-kv260.js";
import { exitCodes } from "./exit-codes.js";
import { writeJson } from "./json-output.js";

type Outcome = "ok" | "optional" | "broken";

interface Finding {
  readonly check: string;
  readonly outcome: Outcome;
  readonly found: string;
  /** What to type or do; empty when nothing is to be done. */
  readonly next: string;
}

interface DoctorOptions extends BoardDoctorOptions {
  readonly board?: string;
}

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("Check this machine: Node, WASM SIMD, serial ports, boards, optional tools")
    .addOption(
      new Option("--board <kind>", "check every fact about a board on this machine").choices(["kv260"]),
    )
    .option("--geometry <id>", "with --board: overlay geometry (default: the KV260 build)")
    .addOption(new Option("--root <dir>", "with --board: a directory that stands for /").hideHelp())
    .option("--json <file>", "write the findings as JSON to a file, or to stdout with -")
    .addHelpText(
      "after",
      "\nExamples:\n  sluice doctor\n  sluice doctor --json -\n  sluice doctor --board kv260    on the board",
    )
    .action(doctor);
}

async function doctor(options: DoctorOptions): Promise<void> {
  if (options.board !== undefined) return examineKv260(options);
  const checks: (() => Finding | Promise<Finding>)[] = [
    checkNode,
    checkMemory,
    checkWasmSimd,
    checkForeignFunctions,
    checkSerialLibrary,
    checkSerialPorts,
    checkEmulatedBoard,
    checkBoards,
    () => checkTool("verilator", "--version", "simulating the RTL (--device rtl)"),
    () => checkTool("yosys", "-V", "the synthesis report"),
  ];
  const findings: Finding[] = [];
  for (const check of checks) findings.push(await check());
  const broken = findings.filter(({ outcome }) => outcome === "broken");
  writeJson(options.json, { healthy: broken.length === 0, findings });
  if (options.json !== "-") {
    const rows = findings.map(({ check, outcome, found, next }) => [marks[outcome], check, found, next]);
    const titles = ["", "check", "found", "next"].map((title) => ({ title }));
    process.stdout.write(`${renderTable(titles, rows)}\n`);
    process.stdout.write(
      broken.length === 0 ? "\nready\n" : `\n${broken.length} to mend before a deploy works\n`,
    );
  }
  if (broken.length > 0) process.exitCode = exitCodes.board;
}

const marks: Record<Outcome, string> = { ok: "✓", optional: "·", broken: "✗" };

function checkNode(): Finding {
  const major = Number(process.versions.node.split(".")[0]);
  const recent = major >= 20;
  return {
    check: "Node.js",
    outcome: recent ? "ok" : "broken",
    found: `${process.versions.node} ${process.arch}`,
    next: recent ? "" : "install Node 20 or newer",
  };
}

function checkMemory(): Finding {
  const free = freemem() / 2 ** 30;
  const enough = free > 0.5;
  return {
    check: "Memory",
    outcome: enough ? "ok" : "broken",
    found: `${free.toFixed(1)} of ${(totalmem() / 2 ** 30).toFixed(1)} GiB free`,
    next: enough ? "" : "close something: a deploy needs about half a gibibyte",
  };
}

/** A module of one function that returns i32x4.extract_lane 0 of a v128 constant. */
function checkWasmSimd(): Finding {
  const module = Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 10, 25, 1, 23, 0, 253, 12],
    ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 253, 27, 0, 11],
  );
  // Node has WebAssembly; its type lives in the DOM library, which a Node program does not load.
  const { WebAssembly: wasm } = globalThis as unknown as {
    WebAssembly: { validate(bytes: Uint8Array): boolean };
  };
  const simd = wasm.validate(module);
  return {
    check: "WASM SIMD",
    outcome: simd ? "ok" : "optional",
    found: simd ? "available" : "missing: the emulator falls back to TypeScript",
    next: simd ? "" : "use a Node build without --jitless or a CPU with SSE4.1 / NEON",
  };
}

async function checkForeignFunctions(): Promise<Finding> {
  return checkImport("koffi", "registers, memory and the RTL library (koffi)");
}

async function checkSerialLibrary(): Promise<Finding> {
  return checkImport("serialport", "serial links (serialport)");
}

async function checkImport(name: string, purpose: string): Promise<Finding> {
  try {
    await import(name);
    return { check: purpose, outcome: "ok", found: "loads", next: "" };
  } catch (error) {
    return {
      check: purpose,
      outcome: "broken",
      found: error instanceof Error ? error.message.split("\n")[0] : String(error),
      next: "npm install",
    };
  }
}

function checkSerialPorts(): Finding {
  const check = "Serial ports";
  const boards = usbBoards();
  if (boards.length === 0) {
    return { check, outcome: "optional", found: "no KV260 on USB", next: "plug in the KV260's USB" };
  }
  const locked = boards.some(({ path }) => !readableAndWritable(path));
  return {
    check,
    outcome: locked ? "broken" : "ok",
    found: boards.map(({ serialNumber }) => `KV260 carrier ${serialNumber}`).join(", "),
    next: locked ? 'sudo usermod -aG dialout "$USER", then log in again' : "",
  };
}

function readableAndWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function checkEmulatedBoard(): Promise<Finding> {
  const check = "Emulated board";
  const started = performance.now();
  try {
    const board = await startEmulatedBoard();
    const found = `starts in ${(performance.now() - started).toFixed(0)} ms`;
    await board.stop();
    return { check, outcome: "ok", found, next: "" };
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return { check, outcome: "broken", found, next: "npm run build, then sluice board --help" };
  }
}

async function checkBoards(): Promise<Finding> {
  const boards = await findBoards();
  return {
    check: "Boards",
    outcome: boards.length > 0 ? "ok" : "optional",
    found:
      boards.length > 0 ? boards.map(({ name }) => name).join(", ") : "none attached: deploy emulates one",
    next: boards.length > 0 ? "sluice boards" : "",
  };
}

function checkTool(name: string, flag: string, purpose: string): Finding {
  try {
    const version = execFileSync(name, [flag], { encoding: "utf8", timeout: 5_000 }).split("\n")[0];
    return { check: name, outcome: "ok", found: version, next: "" };
  } catch {
    return {
      check: name,
      outcome: "optional",
      found: `not installed; only for ${purpose}`,
      next: `apt install ${name}`,
    };
  }
}
