/**
 * A drill: one fault of the twin on one link, and what the host made of it. Connects, installs, runs; then does the same
 * once more, as somebody would who simply runs the command again. Tests, bench/twin.mjs and nobody else need it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runBoard } from "@sluice/board-firmware/main.js";
import { singleHostAccess } from "@sluice/board-firmware/security";
import { makeCable } from "@sluice/board-firmware/testing/cable.js";
import { type FaultId, FaultPlan, faultById, formatFault, parseFault } from "@sluice/board-firmware/twin";
import type { ImageSection, RunPlan } from "@sluice/sdk/compile";
import { SluiceError, TransportError } from "@sluice/sdk/errors.js";
import { startEmulatedBoard } from "../boards/index.js";
import { BoardClient } from "../client/index.js";
import { temporaryKey } from "../pairing/temporary-key.js";
import { serialTransport, type Transport, tcpTransport } from "../transport/index.js";

const BACK_MS = 15_000;

export interface DrillModel {
  readonly plan: RunPlan;
  readonly sections: readonly ImageSection[];
  /** Input frames of one run. */
  readonly frames: readonly Uint8Array[];
  /** Are these the right output frames, end to end? */
  readonly isRight: (outputs: Uint8Array) => boolean;
}

export interface DrillOptions {
  readonly link: "tcp" | "serial";
  /** May the host open a lost link again? Default false, so that the error shows. */
  readonly reconnect?: boolean;
  readonly seed?: number;
  /** Overlay geometry of the model. Default that of the KV260 build. */
  readonly geometry?: string;
  /** Default the twin's own. */
  readonly deadlineFloorMs?: number;
  readonly idleMs?: number;
}

export interface DrillResult {
  readonly fault: FaultId;
  readonly link: "tcp" | "serial";
  /** How often it struck. */
  readonly struck: number;
  /** What the first attempt came to. */
  readonly outcome: "right" | "wrong" | "error";
  readonly error?: SluiceError;
  /** Codes because of which the link was opened again. */
  readonly reconnects: readonly string[];
  /** From the strike to the end of the attempt. */
  readonly milliseconds: number;
  /** Did the next attempt, in the same host process, give the right result? */
  readonly nextRunRight: boolean;
  /** Was everything as the fault table says? Else why not. */
  readonly complaint?: string;
}

/** @param fault as `--fault` takes it */
export async function drill(fault: string, model: DrillModel, options: DrillOptions): Promise<DrillResult> {
  const planned = parseFault(fault);
  const board = await startTwin(fault, planned.id, options);
  const reconnects: string[] = [];
  try {
    const open = () => board.open(options.link);
    const connect = () =>
      BoardClient.connect(options.reconnect ? open : open(), {
        onReconnect: ({ code }) => reconnects.push(code),
        workMs: 60_000,
      });
    const first = await attempt(connect, model);
    const milliseconds = performance.now() - (board.struckAt() ?? performance.now());
    const next = await againSoon(() => attempt(connect, model));
    const facts = {
      fault: planned.id,
      link: options.link,
      struck: board.struck(),
      outcome:
        first instanceof SluiceError ? ("error" as const) : first ? ("right" as const) : ("wrong" as const),
      error: first instanceof SluiceError ? first : undefined,
      reconnects,
      milliseconds,
      nextRunRight: next === true,
    };
    return { ...facts, complaint: complaintAbout(facts, formatFault(planned), next) };
  } finally {
    await board.close();
  }
}

/** True or false: the outputs were right or wrong. */
async function attempt(
  connect: () => Promise<BoardClient>,
  model: DrillModel,
): Promise<boolean | SluiceError> {
  let client: BoardClient | undefined;
  try {
    client = await connect();
    await client.install(model.plan, model.sections);
    const { outputs } = await client.run(model.frames);
    return model.isRight(outputs);
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  } finally {
    await client?.close();
  }
}

/** A board that lost its power needs a moment to come back; whoever types the command again meets it then or later. */
async function againSoon(work: () => Promise<boolean | SluiceError>): Promise<boolean | SluiceError> {
  const giveUpAt = performance.now() + BACK_MS;
  for (;;) {
    const result = await work();
    if (!(result instanceof TransportError) || performance.now() > giveUpAt) return result;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function complaintAbout(
  result: Omit<DrillResult, "complaint">,
  name: string,
  next: boolean | SluiceError,
): string | undefined {
  const { link, struck, outcome, error, milliseconds } = result;
  const { errors, serialErrors, survived, deadlineMs } = faultById(result.fault);
  const allowed = link === "serial" ? (serialErrors ?? errors) : errors;
  if (struck === 0) return `${name} never struck; the first attempt gave ${error?.code ?? outcome}`;
  if (outcome === "wrong") return "a wrong result was delivered";
  if (error && !allowed.includes(error.code)) return `unexpected error ${error.code}: ${error.message}`;
  // Bytes of an upload that change on the way are found by their hash, thrown away, and sent again.
  const harmless = survived || allowed.length === 0 || result.fault.startsWith("frame-");
  if (outcome === "right" && !harmless) return "nothing was noticed";
  if (milliseconds > deadlineMs) return `took ${Math.round(milliseconds)} ms of ${deadlineMs} ms`;
  if (next === false) return "the next run gave a wrong result";
  if (next instanceof SluiceError) return `the next run failed with ${next.code}: ${next.message}`;
  return undefined;
}

interface Twin {
  open(link: "tcp" | "serial"): Transport;
  struck(): number;
  /** performance.now() of the first strike. */
  struckAt(): number | undefined;
  close(): Promise<void>;
}

/** In this process, but for a brown-out: that takes the process with it. */
async function startTwin(fault: string, id: FaultId, options: DrillOptions): Promise<Twin> {
  const { link, seed, geometry, deadlineFloorMs } = options;
  const cable = link === "serial" ? makeCable() : undefined;
  const serial = cable ? [cable.paths[1]] : [];
  let struckAt: number | undefined;
  let struck = 0;
  const onStrike = () => {
    struckAt ??= performance.now();
    struck += 1;
  };
  const twin = (port: () => number, stop: () => Promise<void>): Twin => ({
    open: () => (cable ? serialTransport({ path: cable.paths[0] }) : tcpTransport({ port: port() })),
    struck: () => struck,
    struckAt: () => struckAt,
    close: async () => {
      await stop();
      await cable?.close();
    },
  });
  if (id === "brown-out") {
    const board = await startEmulatedBoard({
      faults: [fault],
      faultSeed: seed,
      onFault: onStrike,
      geometry,
      deadlineFloorMs,
      serial,
    });
    return twin(
      () => board.port,
      () => board.stop(),
    );
  }
  const store = mkdtempSync(join(tmpdir(), "sluice-drill-"));
  const pair = temporaryKey();
  const board = await runBoard({
    faults: new FaultPlan([fault], { seed, onStrike }),
    geometry,
    deadlineFloorMs,
    limits: options.idleMs === undefined ? undefined : { idleMs: options.idleMs },
    tcp: { port: 0 },
    serial: serial.map((path) => ({ path })),
    access: singleHostAccess(pair.boardId, pair.hostId, pair.key),
    store,
    logLevel: "silent",
  });
  return twin(
    () => board.ready.tcp!.port,
    async () => {
      await board.close();
      pair.drop();
      rmSync(store, { recursive: true, force: true });
    },
  );
}
