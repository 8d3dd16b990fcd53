/** From `--device` and `--link` to a connected board; starts the emulated one when there is no other. */
import { TransportError } from "@sluice/sdk/errors.js";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { MAX_SECTIONS } from "@sluice/sdk/protocol";
import {
  type BoardCandidate,
  findBoards,
  openLink,
  probeBoards,
  startEmulatedBoard,
} from "../boards/index.js";
import { BoardClient } from "../client/index.js";
import type { BoardSession } from "./board-session.js";

export type DeviceKind = "emulated" | "rtl" | "kv260";

export interface BoardOptions {
  readonly device?: DeviceKind;
  readonly link?: string;
  /** Use a board that proves nothing although it is not on this machine. */
  readonly insecure?: boolean;
  /** Starts the emulated board so that it fails on purpose; names as `--fault` takes them. */
  readonly faults?: readonly string[];
  readonly faultSeed?: number;
  /** Told about every fault that struck. */
  readonly onFault?: (fault: string) => void;
}

/**
 * With a link (or a name from the configuration): that board. Without: the first attached board that answers, unless
 * `device` asks for a simulated one; without any, the emulated board.
 * @throws {TransportError} what opening the link says; `wrong-device` when the board computes with something else;
 *   `no-board` when a physical one was asked for and none answers
 */
export async function openBoardSession(
  options: BoardOptions,
  geometry: OverlayGeometry,
  say: (text: string) => void,
): Promise<BoardSession> {
  const { device, link, insecure, faults, faultSeed, onFault = () => undefined } = options;
  if (faults !== undefined) {
    if (link === undefined && (device === undefined || device === "emulated")) {
      return startBoard("emulated", geometry, say, { faults, faultSeed, onFault });
    }
    throw new TransportError("bad-fault", "Only the emulated board can be told to fail.", {
      place: "--fault",
      expected: "no --link, and --device emulated",
      found: link ?? device,
      hint: "Start that board itself with `sluice board --fault NAME`.",
    });
  }
  if (link !== undefined) {
    const [named] = await findBoards({ link });
    return connect(named, device, insecure);
  }
  if (device === undefined || device === "kv260") {
    say("looking for a board: configuration, USB, network");
    const found = await attachedBoard(say, insecure);
    if (found) return connect(found, device, insecure);
    if (device === "kv260") {
      throw new TransportError("no-board", "No KV260 was found.", {
        expected: "a board on USB, on the network or in sluice.config.json",
        found: "none that answers",
        hint: "Name it with --link tcp:HOST or --link serial:PATH, or leave out --device to use the emulated board.",
      });
    }
  }
  return startBoard(device === "rtl" ? "rtl" : "emulated", geometry, say);
}

/** Simulated boards that others announce are not taken unasked: only the configuration may name one. */
async function attachedBoard(
  say: (text: string) => void,
  insecure?: boolean,
): Promise<BoardCandidate | undefined> {
  for (const probed of await probeBoards(await findBoards(), undefined, insecure)) {
    const { candidate } = probed;
    if ("error" in probed)
      say(`${candidate.link} (${candidate.reason}) does not answer: ${probed.error.message}`);
    else if (probed.hello.board.kind === "kv260" || candidate.foundBy === "config") return candidate;
  }
  return undefined;
}

async function connect(
  candidate: BoardCandidate,
  device: DeviceKind | undefined,
  insecure?: boolean,
): Promise<BoardSession> {
  const session = new ClientSession(await BoardClient.connect(() => candidate.open(), { insecure }));
  const { device: found, link } = session.description;
  if (device === undefined || device === found) return session;
  await session.close();
  throw new TransportError("wrong-device", "The board computes with another device than you asked for.", {
    place: link,
    expected: device,
    found,
    hint: `Leave out --device, or start the board with --device ${device}.`,
  });
}

async function startBoard(
  device: "emulated" | "rtl",
  geometry: OverlayGeometry,
  say: (text: string) => void,
  twin: Pick<BoardOptions, "faults" | "faultSeed" | "onFault"> = {},
): Promise<BoardSession> {
  if (device === "rtl") say("starting the RTL simulation");
  else if (twin.faults) say("starting an emulated board that fails on purpose");
  else say("no KV260 attached: starting the emulated board");
  const board = await startEmulatedBoard({ geometry: geometry.id, device, ...twin });
  try {
    const client = await BoardClient.connect(openLink(`tcp:${board.host}:${board.port}`), {
      onReconnect: ({ message }) => say(`${message} Connecting again.`),
    });
    return new ClientSession(client, () => board.stop());
  } catch (error) {
    await board.stop();
    throw error;
  }
}

class ClientSession implements BoardSession {
  readonly description: BoardSession["description"];
  readonly keepsUploads: boolean;
  readonly #client: BoardClient;
  readonly #afterClose: () => Promise<void>;
  /** Runs follow one another; the client pipelines within each. */
  #lastRun: Promise<unknown> = Promise.resolve();

  /** @param stop ends a board that serves this session only */
  constructor(client: BoardClient, stop?: () => Promise<void>) {
    this.#client = client;
    this.#afterClose = stop ?? (async () => undefined);
    this.keepsUploads = stop === undefined;
    this.description = {
      kind: "kv260",
      device: client.board.kind,
      link: client.link,
      clockMHz: client.hello.clockMHz,
    };
  }

  async holds(sections: readonly Uint8Array[]): Promise<boolean[]> {
    const held: boolean[] = [];
    for (let at = 0; at < sections.length; at += MAX_SECTIONS) {
      const states = await this.#client.have(sections.slice(at, at + MAX_SECTIONS));
      held.push(...states.map(({ complete }) => complete));
    }
    return held;
  }

  install(...[plan, sections, layerNames, onProgress, signed]: Parameters<BoardSession["install"]>) {
    return this.#client.install(plan, sections, {
      layerNames,
      signed,
      onProgress: ({ done, total }) => onProgress(done, total),
    });
  }

  async run(frames: readonly Uint8Array[]) {
    const run = this.#lastRun.then(() => this.#client.run(frames));
    this.#lastRun = run.catch(() => undefined);
    const { outputs, cycles } = await run;
    const bytes = outputs.length / frames.length;
    return {
      outputs: frames.map((_, index) => outputs.subarray(index * bytes, (index + 1) * bytes)),
      cycles,
    };
  }

  async readLayers(layers: Parameters<BoardSession["readLayers"]>[0]) {
    const readout = await this.#client.readLayers();
    return layers.map(({ index, outputs }) => {
      const { cycles, crc } = readout.layers[index];
      return { cycles, crcs: crc.slice(0, outputs.length) };
    });
  }

  async dumpLayer(...[layer, output, frame]: Parameters<BoardSession["dumpLayer"]>): Promise<Int8Array> {
    const { codes } = await this.#client.dumpLayer(layer.index, frame, output === 0 ? 0 : 1);
    return codes;
  }

  async readings() {
    return (await this.#client.status()).readings;
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#afterClose();
  }
}
