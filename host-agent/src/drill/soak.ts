/**
 * Deploy, run, compare, thousands of times, on both links of a board that fails at random: does a wrong result ever get
 * through, does anything hang, does anything leak?
 */
import { readdirSync, readFileSync } from "node:fs";
import { makeCable } from "@sluice/board-firmware/testing/cable.js";
import { seededRandom } from "@sluice/board-firmware/twin/random.js";
import type { ImageSection, RunPlan } from "@sluice/sdk/compile";
import { SluiceError } from "@sluice/sdk/errors.js";
import { type EmulatedBoard, startEmulatedBoard } from "../boards/index.js";
import { BoardClient } from "../client/index.js";
import { serialTransport, tcpTransport } from "../transport/index.js";

export interface SoakModel {
  readonly plan: RunPlan;
  readonly sections: readonly ImageSection[];
  readonly frames: readonly {
    readonly input: Uint8Array;
    readonly isRight: (output: Uint8Array) => boolean;
  }[];
}

export interface SoakOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly geometry?: string;
  readonly onProgress?: (report: SoakReport) => void;
}

/** What a process holds: medians over each quarter of the cycles. The first is for compilers and caches to settle. */
export interface Footprint {
  /** Resident set, bytes. */
  readonly resident: readonly number[];
  readonly descriptors: readonly number[];
  /** Of this process only: JavaScript heap after a collection, bytes. */
  readonly heap: readonly number[];
}

export interface SoakReport {
  cycles: number;
  /** Cycles whose result was right. */
  right: number;
  /** Results that were delivered as good and were not. */
  wrong: number;
  /** Cycles that took longer than CYCLE_MS. */
  hung: number;
  longestMs: number;
  /** Cycles that ended with a typed error, by code. */
  readonly errors: Record<string, number>;
  /** Faults the board reported before it injected them. */
  readonly faults: Record<string, number>;
  reconnects: number;
  restarts: number;
  readonly perLink: Record<"tcp" | "serial", number>;
  host?: Footprint;
  /** Of the board that was not killed on the way. */
  board?: Footprint;
}

/** Longest a cycle may take: the slowest fault of the table, twice over. */
const CYCLE_MS = 60_000;
const DEADLINE_FLOOR_MS = 250;
const SAMPLES = 40;

/** Often enough that most cycles see none and some see two. */
const faults = [
  "interrupt-lost:0.01",
  "dma-stall:0.01",
  "dma-hang:0.003",
  "bit-flip-weights:0.01",
  "bit-flip-program:0.01",
  "bit-flip-activations:0.01",
  "bit-flip-output:0.01",
  "stale-cache-line:0.001",
  "out-of-memory:0.003",
  "disk-full:0.002",
  "link-unplugged:0.0003",
  "frame-lost:0.001",
  "frame-duplicated:0.001",
  "frame-corrupted:0.001",
  "clock-skew:0.01",
];
/** Those that end or precede a process; the board they hit is not the one whose memory is watched. */
const deadlyFaults = ["brown-out:0.01", "stale-flags:0.2", "silent-load:0.2", "wrong-clock:0.2"];
/** Of all cycles, with the deadly faults. */
const DEADLY_SHARE = 0.2;

export async function soak(model: SoakModel, options: SoakOptions): Promise<SoakReport> {
  const report: SoakReport = {
    cycles: 0,
    right: 0,
    wrong: 0,
    hung: 0,
    longestMs: 0,
    errors: {},
    faults: {},
    reconnects: 0,
    restarts: 0,
    perLink: { tcp: 0, serial: 0 },
  };
  const random = seededRandom(options.seed);
  const clientId = Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256));
  const deadly = Math.round(options.cycles * DEADLY_SHARE);
  const hostSamples: Sample[] = [];
  for (const [cycles, planned] of [
    [deadly, [...faults, ...deadlyFaults]],
    [options.cycles - deadly, faults],
  ] as const) {
    const cable = makeCable();
    const board = await startEmulatedBoard({
      faults: planned,
      faultSeed: options.seed,
      geometry: options.geometry,
      deadlineFloorMs: DEADLINE_FLOOR_MS,
      serial: [cable.paths[1]],
      onFault: (fault) => {
        report.faults[fault] = (report.faults[fault] ?? 0) + 1;
      },
    });
    const boardSamples: Sample[] = [];
    const every = Math.max(1, Math.floor(cycles / SAMPLES));
    try {
      for (let cycle = 1; cycle <= cycles; cycle += 1) {
        await oneCycle({ board, serialPath: cable.paths[0], clientId, random, model, report });
        if (cycle % every === 0) {
          hostSamples.push(sample(process.pid));
          boardSamples.push(sample(board.pid));
          options.onProgress?.(report);
        }
      }
      report.restarts += board.restarts;
      report.board = footprint(boardSamples);
    } finally {
      await board.stop();
      await cable.close();
    }
  }
  report.host = footprint(hostSamples);
  return report;
}

interface CycleContext {
  readonly board: EmulatedBoard;
  readonly serialPath: string;
  readonly clientId: Uint8Array;
  readonly random: () => number;
  readonly model: SoakModel;
  readonly report: SoakReport;
}

async function oneCycle({ board, serialPath, clientId, random, model, report }: CycleContext): Promise<void> {
  const link = random() < 0.5 ? "tcp" : "serial";
  const removesFirst = random() < 0.3;
  const chosen = Array.from(
    { length: 1 + Math.floor(random() * 4) },
    () => model.frames[Math.floor(random() * model.frames.length)],
  );
  const open = () =>
    link === "tcp" ? tcpTransport({ port: board.port }) : serialTransport({ path: serialPath });
  const started = performance.now();
  let client: BoardClient | undefined;
  try {
    client = await BoardClient.connect(open, {
      clientId,
      onReconnect: () => {
        report.reconnects += 1;
      },
    });
    if (removesFirst) {
      const { sections } = await client.sections();
      await client.removeSections(sections.map(({ sha256 }) => sha256));
    }
    await client.install(model.plan, model.sections);
    const { outputs } = await client.run(chosen.map(({ input }) => input));
    const bytes = model.plan.outputFrameBytes;
    const right = chosen.every(({ isRight }, index) =>
      isRight(outputs.subarray(index * bytes, (index + 1) * bytes)),
    );
    if (right) report.right += 1;
    else report.wrong += 1;
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    report.errors[error.code] = (report.errors[error.code] ?? 0) + 1;
  } finally {
    await client?.close();
  }
  const milliseconds = performance.now() - started;
  report.longestMs = Math.max(report.longestMs, milliseconds);
  if (milliseconds > CYCLE_MS) report.hung += 1;
  report.cycles += 1;
  report.perLink[link] += 1;
}

interface Sample {
  readonly resident: number;
  readonly heap: number;
  readonly descriptors: number;
}

/** From /proc. The heap is this process's own and means something only after a collection. */
function sample(pid: number): Sample {
  globalThis.gc?.();
  try {
    const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    const descriptors = readdirSync(`/proc/${pid}/fd`).length;
    return { resident: Number(kibibytes) * 1024, heap: process.memoryUsage().heapUsed, descriptors };
  } catch {
    // The process died between two looks, or this is no Linux.
    return { resident: Number.NaN, heap: Number.NaN, descriptors: Number.NaN };
  }
}

function footprint(samples: readonly Sample[]): Footprint {
  const quarter = samples.length / 4;
  const quarters = [0, 1, 2, 3].map((index) =>
    samples.slice(Math.floor(index * quarter), Math.ceil((index + 1) * quarter)),
  );
  const medians = (what: keyof Sample) => quarters.map((some) => median(some.map((sample) => sample[what])));
  return { resident: medians("resident"), descriptors: medians("descriptors"), heap: medians("heap") };
}

function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return sorted.length > 0 ? sorted[Math.floor(sorted.length / 2)] : Number.NaN;
}
