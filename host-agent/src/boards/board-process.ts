/**
 * The board runtime as a child process: starts it and waits until it accepts connections. It serves this process only,
 * with a key that goes through its standard input.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { TransportError } from "@sluice/sdk/errors.js";
import { z } from "zod";

export interface EmulatedBoardOptions {
  /** Overlay geometry; default that of the KV260 build. */
  readonly geometry?: string;
  /** What runs the overlay. Default "emulated". */
  readonly device?: string;
  readonly name?: string;
  /** Keeps uploaded sections between runs; default a temporary directory. */
  readonly store?: string;
  /** Most bytes the store may take. Default 1 GiB. */
  readonly storeBytes?: number;
  /** Default 127.0.0.1 and any free port. */
  readonly tcp?: string;
  /** Serial ports to serve as well, "PATH[:BAUD]". */
  readonly serial?: readonly string[];
  /** Default 15,000 ms. */
  readonly startMs?: number;
  /** Serves every program on this machine instead of this process only, and without protection. Default false. */
  readonly open?: boolean;
  /** Makes it fail on purpose: names as `--fault` takes them. It is then started again when it dies. */
  readonly faults?: readonly string[];
  readonly faultSeed?: number;
  /** Told about every fault that struck. */
  readonly onFault?: (fault: string) => void;
  /** Added to the deadline of every run on the board, in milliseconds. */
  readonly deadlineFloorMs?: number;
  /** pino level; its log goes to this process's standard error. Default "warn". */
  readonly logLevel?: string;
}

/** Who may connect: hexadecimal, as the runtime reads them. */
export interface ParentKey {
  readonly board: string;
  readonly host: string;
  readonly key: string;
}

export interface BoardProcess {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** When it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

const readyLine = z.object({
  ready: z.literal(true),
  pid: z.int(),
  tcp: z.object({ host: z.string(), port: z.int() }),
});

const STOP_MS = 3_000;
/** As the installed runtime is started (release/files/sluice-board): 10 MB less, at no cost in time. */
const YOUNG_GENERATION = "--max-semi-space-size=4";

/** @throws {TransportError} `board-failed` (with what it printed), `timeout` */
export async function startBoardProcess(
  options: EmulatedBoardOptions,
  key: ParentKey,
): Promise<BoardProcess> {
  const firmware = createRequire(import.meta.url).resolve("@sluice/board-firmware/package.json");
  const script = join(dirname(firmware), "bin", "sluice-board.js");
  // The runtime ends when its standard input closes, so it cannot outlive this process, however that ends.
  const child = spawn(process.execPath, [YOUNG_GENERATION, script, ...boardArguments(options)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const log: string[] = [];
  child.stderr.setEncoding("utf8");
  const collect = (text: string) => {
    if (log.length < 100) log.push(text);
  };
  child.stderr.on("data", collect);
  // Where the child could not be started, its `error` event tells; writing to it then fails as well.
  child.stdin.on("error", () => undefined);
  child.stdin.write(`${JSON.stringify(key)}\n`);
  const { stop, ended } = stopper(child);
  try {
    const { pid, tcp } = await ready(child, options.startMs ?? 15_000, log);
    // What it says until here becomes part of the error; from here on it is the board's log.
    child.stderr.off("data", collect);
    const { onFault } = options;
    if (onFault) {
      for (const line of log.join("").split("\n")) reportFault(line, onFault);
      createInterface(child.stderr).on("line", (line) => reportFault(line, onFault));
    } else {
      child.stderr.on("data", (text: string) => process.stderr.write(text));
    }
    return { ...tcp, pid, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The twin's word about a fault it made; its other warnings are what was asked for, and of no interest. */
function reportFault(line: string, onFault: (fault: string) => void): void {
  const parsed = faultLine.safeParse(parseJson(line));
  if (parsed.success) onFault(parsed.data.fault);
}

const faultLine = z.object({ fault: z.string() });

function boardArguments(options: EmulatedBoardOptions): string[] {
  const { device = "emulated", geometry, name, store, serial, logLevel } = options;
  const list = ["--with-parent", "--device", device, "--tcp", options.tcp ?? "127.0.0.1:0"];
  list.push(options.open ? "--insecure" : "--key-from-stdin");
  if (geometry !== undefined) list.push("--geometry", geometry);
  if (name !== undefined) list.push("--name", name);
  if (store !== undefined) list.push("--store", store);
  if (options.storeBytes !== undefined) list.push("--store-bytes", String(options.storeBytes));
  if (logLevel !== undefined) list.push("--log", logLevel);
  if (options.deadlineFloorMs !== undefined) list.push("--deadline-floor", String(options.deadlineFloorMs));
  if (options.faults?.length) list.push("--fault", ...options.faults);
  if (options.faultSeed !== undefined) list.push("--fault-seed", String(options.faultSeed));
  for (const path of serial ?? []) list.push("--serial", path);
  return list;
}

function ready(child: ChildProcess, deadlineMs: number, log: string[]): Promise<z.infer<typeof readyLine>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new TransportError("timeout", "The emulated board did not start in time.", {
          place: "sluice-board",
          expected: `its ready line within ${deadlineMs} ms`,
          found: log.join("").slice(0, 500) || "nothing",
          hint: "The machine may be overloaded; try again.",
        }),
      );
    }, deadlineMs);
    const failed = (found: string, cause?: unknown) => {
      clearTimeout(timer);
      reject(
        new TransportError("board-failed", "The emulated board could not be started.", {
          place: "sluice-board",
          found: log.join("").slice(0, 1_000) || found,
          hint: "Run `sluice board` by itself to see what it says.",
          cause,
        }),
      );
    };
    child.once("error", (cause) => failed(cause.message, cause));
    child.once("exit", (code, signal) => failed(`it ended with ${signal ?? `code ${code}`}`));
    let line = "";
    child.stdout?.setEncoding("utf8");
    child.stdout?.on("data", (text: string) => {
      if (line.length > 10_000) return;
      line += text;
      const end = line.indexOf("\n");
      if (end < 0) return;
      clearTimeout(timer);
      const parsed = readyLine.safeParse(parseJson(line.slice(0, end)));
      if (parsed.success) resolve(parsed.data);
      else failed(`an unreadable ready line: ${line.slice(0, 200)}`);
    });
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema then says what is missing
  }
}

function stopper(child: ChildProcess): { stop: () => Promise<void>; ended: Promise<void> } {
  const gone = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const stop = async () => {
    child.stdin?.end();
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(timer);
  };
  return { stop, ended: gone };
}
