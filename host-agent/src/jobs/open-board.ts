/** From `--device` and `--link` to a connected board; starts the emulated one when there is no other. */
import { TransportError } from "@sluice/sdk/errors.js";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { findBoards, openLink, startEmulatedBoard } from "../boards/index.js";
import { BoardClient } from "../client/index.js";
import type { BoardSession } from "./board-session.js";

export type DeviceKind = "emulated" | "rtl" | "kv260";

export interface BoardOptions {
  readonly device?: DeviceKind;
  readonly link?: string;
}

/**
 * Without a link: an attached board, unless `device` asks for a simulated one; without any, the emulated board.
 * @throws {TransportError} what opening the link says; `wrong-device` when the board computes with something else.
 */
export async function openBoardSession(
  options: BoardOptions,
  geometry: OverlayGeometry,
  say: (text: string) => void,
): Promise<BoardSession> {
  const link = options.link ?? (await discover(options.device, say));
  if (link !== undefined) {
    const client = await BoardClient.connect(openLink(link));
    const session = new ClientSession(client);
    if (options.device !== undefined && client.board.kind !== options.device) {
      await session.close();
      throw new TransportError("wrong-device", "The board computes with another device than you asked for.", {
        place: client.link,
        expected: options.device,
        found: client.board.kind,
        hint: `Leave out --device, or start the board with --device ${options.device}.`,
      });
    }
    return session;
  }
  const device = options.device ?? "emulated";
  if (device === "kv260") {
    throw new TransportError("no-board", "No KV260 was found.", {
      expected: "a board on USB, on the network or in sluice.config.json",
      found: "none",
      hint: "Name it with --link tcp:HOST or --link serial:PATH, or leave out --device to use the emulated board.",
    });
  }
  say(device === "rtl" ? "starting the RTL simulation" : "no KV260 attached: starting the emulated board");
  const board = await startEmulatedBoard({ geometry: geometry.id, device });
  try {
    const client = await BoardClient.connect(openLink(`tcp:${board.host}:${board.port}`));
    return new ClientSession(client, () => board.stop());
  } catch (error) {
    await board.stop();
    throw error;
  }
}

async function discover(
  device: DeviceKind | undefined,
  say: (text: string) => void,
): Promise<string | undefined> {
  if (device === "emulated" || device === "rtl") return undefined;
  say("looking for a board on USB, on the network and in the configuration");
  const [board] = await findBoards();
  return board?.link;
}

class ClientSession implements BoardSession {
  readonly description: BoardSession["description"];
  readonly #client: BoardClient;
  readonly #afterClose: () => Promise<void>;
  /** Runs follow one another; the client pipelines within each. */
  #lastRun: Promise<unknown> = Promise.resolve();

  constructor(client: BoardClient, afterClose: () => Promise<void> = async () => undefined) {
    this.#client = client;
    this.#afterClose = afterClose;
    this.description = {
      kind: "kv260",
      device: client.board.kind,
      link: client.link,
      clockMHz: client.hello.clockMHz,
    };
  }

  install(...[plan, sections, layerNames, onProgress]: Parameters<BoardSession["install"]>) {
    return this.#client.install(plan, sections, {
      layerNames,
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

  async close(): Promise<void> {
    await this.#client.close();
    await this.#afterClose();
  }
}
