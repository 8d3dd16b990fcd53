/**
 * A board, as the host sees it.
 *
 *   const board = await BoardClient.connect(tcpTransport({ port: 7420 }));
 *   await board.install(model.plan, model.sections);
 *   const { outputs, cycles } = await board.run(frames);
 *   const { layers } = await board.readLayers();
 *   const { codes, shape } = await board.dumpLayer(3, frame);
 *   await board.close();
 *
 * Every wait has a deadline. Errors of the board arrive in the class in which they were thrown there.
 */
import { randomBytes } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { type Answer, Connection } from "@sluice/board-firmware/connection";
import type { Transport } from "@sluice/board-firmware/transport";
import type { ImageSection, RunPlan } from "@sluice/sdk/compile";
import { ProtocolError, TransportError } from "@sluice/sdk/errors.js";
import {
  agreeOnVersion,
  type BoardIdentity,
  type BoardStatus,
  bye,
  dump,
  type Exchange,
  type HelloReply,
  have,
  hello,
  install,
  type LayerReadout,
  layers,
  list,
  ownVersions,
  ping,
  remove,
  type StoreListing,
  status,
} from "@sluice/sdk/protocol";
import { type FrameSource, type RunOptions, type RunReport, runFrames } from "./run.js";
import { type HashedSection, hashSections, planned } from "./sections.js";
import { uploadSection } from "./upload.js";

export interface ConnectOptions {
  /** Who this host is, for the answer others get while it holds the board. Default user@host (pid). */
  readonly client?: string;
  /** False: look only (status, list). Default true. */
  readonly hold?: boolean;
  /** For opening the link and for the handshake. Default 5,000 ms. */
  readonly connectMs?: number;
  /** For every answer, on top of transfer times. Default 10,000 ms. */
  readonly deadlineMs?: number;
  /** For answers that wait for the device (install, run, dump). Default 120,000 ms. */
  readonly workMs?: number;
  /** 16 bytes that identify this host across connections; a lost link's hold is taken over with them. */
  readonly clientId?: Uint8Array;
}

export interface InstallOptions {
  /** For the board's error messages, indexed like LayerInfo.index. */
  readonly layerNames?: readonly string[];
  readonly onProgress?: (progress: UploadProgress) => void;
}

export interface UploadProgress {
  /** Section bytes the board has, of all it needs. */
  readonly done: number;
  readonly total: number;
  readonly section: string;
}

export interface InstallReport {
  /** Section bytes that travelled; 0 when the board had everything. */
  readonly bytesSent: number;
  /** Section bytes of the model. */
  readonly bytesTotal: number;
  readonly sectionsSent: number;
  readonly sectionsKept: number;
}

export interface LayerTensor {
  readonly layer: number;
  /** [height, width, channels] */
  readonly shape: readonly [number, number, number];
  /** int8 codes, row-major. */
  readonly codes: Int8Array;
}

const RELEASE = "0.1.0";
const MAX_PIECE = 1024 * 1024;

export class BoardClient {
  /** What the board said about itself in the handshake. */
  readonly hello: HelloReply;
  readonly #connection: Connection;
  readonly #options: Required<Pick<ConnectOptions, "deadlineMs" | "workMs">>;
  readonly #heartbeat: NodeJS.Timeout;
  #model: { readonly number: number; readonly plan: RunPlan } | undefined;

  /**
   * Opens the link and shakes hands.
   * @throws {TransportError} what the transport's `open` throws; `busy` names who holds the board
   * @throws {ProtocolError} `protocol-version`, `not-sluice`
   */
  static async connect(transport: Transport, options: ConnectOptions = {}): Promise<BoardClient> {
    const connectMs = options.connectMs ?? 5_000;
    const connection = new Connection(transport, { peer: "board" });
    await connection.start(connectMs);
    try {
      const { body } = await connection.request(
        hello,
        {
          protocol: ownVersions,
          client: (options.client ?? `${userInfo().username}@${hostname()} (${process.pid})`).slice(0, 255),
          clientId: options.clientId ?? new Uint8Array(randomBytes(16)),
          hold: options.hold ?? true,
          release: RELEASE,
          challenge: new Uint8Array(0),
        },
        { deadlineMs: connectMs },
      );
      agreeOnVersion(ownVersions, body.protocol, body.board.name);
      return new BoardClient(connection, body, options);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  private constructor(connection: Connection, reply: HelloReply, options: ConnectOptions) {
    this.hello = reply;
    this.#connection = connection;
    connection.peer = `board ${reply.board.name}`;
    this.#options = { deadlineMs: options.deadlineMs ?? 10_000, workMs: options.workMs ?? 120_000 };
    this.#heartbeat = setInterval(() => this.#ping(), reply.limits.idleMs / 3);
    this.#heartbeat.unref();
  }

  get board(): BoardIdentity {
    return this.hello.board;
  }

  get geometry(): string {
    return this.hello.geometry;
  }

  /** For people: "tcp 127.0.0.1:7420". */
  get link(): string {
    return this.#connection.transport.describe();
  }

  /** Bytes on the wire since the link was opened. */
  get traffic(): { readonly bytesSent: number; readonly bytesReceived: number } {
    return this.#connection.transport.counters;
  }

  /**
   * Makes a model ready to run; sends only what the board lacks.
   * @throws {DeviceError} when the model does not fit this board
   * @throws {StoreError} `store-full`
   */
  async install(
    plan: RunPlan,
    sections: readonly ImageSection[],
    options: InstallOptions = {},
  ): Promise<InstallReport> {
    const hashed = hashSections(sections);
    const request = { plan, sections: hashed.map(planned), layerNames: [...(options.layerNames ?? [])] };
    const bytesTotal = hashed.reduce((sum, { bytes }) => sum + bytes, 0);
    let bytesSent = 0;
    let sectionsSent = 0;
    // Once for what is missing; once more because a stored section may turn out to be damaged on disk.
    for (let round = 0; round < 3; round += 1) {
      const { body } = await this.#ask(install, request, this.#options.workMs);
      if (body.state === "ready") {
        this.#model = { number: body.model, plan };
        return { bytesSent, bytesTotal, sectionsSent, sectionsKept: hashed.length - sectionsSent };
      }
      const missing = body.missing.map(({ index, received }) => ({ section: hashed[index], received }));
      const lacking = missing.reduce((sum, { section, received }) => sum + section.bytes - received, 0);
      let done = bytesTotal - lacking;
      for (const { section, received } of distinct(missing)) {
        await uploadSection(this.#connection, section, received, this.#pacing(), (bytes) => {
          bytesSent += bytes;
          done += bytes;
          options.onProgress?.({ done, total: bytesTotal, section: section.name });
        });
        sectionsSent += 1;
      }
    }
    throw new ProtocolError("never-complete", "The board keeps asking for sections it was sent.", {
      place: this.#connection.peer,
      hint: "Check the board's storage: what is written there does not stay.",
    });
  }

  /**
   * Runs frames laid out as the plan's LOAD reads them; several batches are under way at once.
   * @throws {TransportError} `timeout`, `disconnected`
   * @throws {DeviceError} what the device reports
   */
  run(frames: FrameSource, options: RunOptions = {}): Promise<RunReport> {
    const { number, plan } = this.#installed();
    const { limits } = this.hello;
    return runFrames(
      this.#connection,
      { model: number, plan, limits, deadlineMs: this.#options.workMs },
      frames,
      options,
    );
  }

  /** Counters and CRCs of every layer in the frame that ran last; `frame` is its index. */
  async readLayers(): Promise<LayerReadout> {
    return (await this.#ask(layers, { model: this.#installed().number }, this.#options.workMs)).body;
  }

  /** What one layer writes for one input frame. */
  async dumpLayer(layer: number, frame: Uint8Array, output: 0 | 1 = 0): Promise<LayerTensor> {
    const { body, attachment } = await this.#connection.request(
      dump,
      { model: this.#installed().number, layer, output, index: 0 },
      { attachment: frame, deadlineMs: this.#options.workMs },
    );
    const [height, width, channels] = body.shape;
    if (attachment.length !== height * width * channels) {
      throw new ProtocolError("frame-bytes", "A dumped layer does not have the bytes of its shape.", {
        place: `${this.#connection.peer}, layer ${layer}`,
        expected: `${height} x ${width} x ${channels}`,
        found: `${attachment.length} bytes`,
      });
    }
    return { layer, shape: body.shape, codes: new Int8Array(attachment.buffer) };
  }

  async status(): Promise<BoardStatus> {
    return (await this.#ask(status, {})).body;
  }

  /** What the board's section store holds. */
  async sections(): Promise<StoreListing> {
    return (await this.#ask(list, {})).body;
  }

  /** Which of these sections (SHA-256) the board has, and how much of the others. */
  async have(sections: readonly Uint8Array[]): Promise<{ complete: boolean; received: number }[]> {
    return (await this.#ask(have, { sections: [...sections] })).body.sections;
  }

  async removeSections(sections: readonly Uint8Array[]): Promise<{ removed: number; freedBytes: number }> {
    return (await this.#ask(remove, { sections: [...sections] })).body;
  }

  /** Gives the device back and hangs up. Harmless on a link that is already broken. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    if (this.#connection.open) {
      try {
        await this.#connection.request(bye, {}, { deadlineMs: 1_000 });
      } catch (error) {
        // The link is going anyway; a board that did not hear the goodbye notices by its idle clock.
        if (!(error instanceof TransportError)) throw error;
      }
    }
    await this.#connection.close();
  }

  #ask<Request, Reply>(
    exchange: Exchange<Request, Reply>,
    request: Request,
    deadlineMs = this.#options.deadlineMs,
  ): Promise<Answer<Reply>> {
    return this.#connection.request(exchange, request, { deadlineMs });
  }

  #installed(): { readonly number: number; readonly plan: RunPlan } {
    if (this.#model) return this.#model;
    throw new ProtocolError("no-model", "Nothing has been installed through this connection.", {
      place: this.#connection.peer,
      hint: "Call install() first.",
    });
  }

  #pacing() {
    const { limits } = this.hello;
    // About half a second of the link a piece: answers stay frequent, their cost small.
    const half = this.#connection.transport.bytesPerSecond / 2;
    const pieceBytes = Math.min(limits.attachmentBytes, MAX_PIECE, Math.max(4_096, Math.round(half)));
    return { pieceBytes, ahead: Math.max(1, limits.outstanding - 2), deadlineMs: this.#options.deadlineMs };
  }

  #ping(): void {
    // A heartbeat that fails shows in the requests that follow; here there is nobody to tell.
    this.#ask(ping, {}).catch(() => clearInterval(this.#heartbeat));
  }
}

/** Two layers with equal weights are one section. */
function distinct(missing: readonly { section: HashedSection; received: number }[]) {
  const seen = new Set<string>();
  return missing.filter(({ section }) => {
    const key = Buffer.from(section.sha256).toString("hex");
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
