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
import { createHash } from "node:crypto";
import type { RunPlan } from "@sluice/sdk/compile";
import { ProtocolError } from "@sluice/sdk/errors.js";
import type { PackageSignature } from "@sluice/sdk/package";
import {
  type BoardIdentity,
  type BoardStatus,
  dump,
  encodeRequest,
  type HelloReply,
  have,
  type InstallReply,
  type InstallRequest,
  install,
  type LayerReadout,
  layers,
  list,
  reinstall,
  remove,
  type StoreListing,
  status,
} from "@sluice/sdk/protocol";
import { BoardLink, type ConnectOptions, type LinkSource } from "./board-link.js";
import { type FrameSource, type RunOptions, type RunReport, runFrames } from "./run.js";
import { hashSections, nameOnTheWire, planned, type UploadPart, type UploadSection } from "./sections.js";
import { type UploadProgress, type UploadReport, UploadTally, uploadMissing } from "./upload.js";

export interface InstallOptions {
  /** For the board's error messages, indexed like LayerInfo.index. */
  readonly layerNames?: readonly string[];
  readonly onProgress?: (progress: UploadProgress) => void;
  /** Of a signed package; travels only to a board that demands a signature. */
  readonly signed?: SignedPackage;
}

export interface SignedPackage {
  readonly manifestBytes: Uint8Array;
  /** SHA-256 of the manifest. */
  readonly manifestHash: Uint8Array;
  readonly signatures: readonly PackageSignature[];
}

export interface LayerTensor {
  readonly layer: number;
  /** [height, width, channels] */
  readonly shape: readonly [number, number, number];
  /** int8 codes, row-major. */
  readonly codes: Int8Array;
}

interface Installed {
  readonly plan: RunPlan;
  readonly request: InstallRequest;
  readonly parts: readonly UploadPart[];
  number: number;
}

const MAX_PIECE = 4 * 1024 * 1024;

export class BoardClient {
  readonly #link: BoardLink;
  #model: Installed | undefined;

  /**
   * Opens the link and shakes hands. With a function that makes transports, a link that is lost later is opened
   * again, and uploads and runs go on where they were.
   * @throws {TransportError} what the transport's `open` throws; `busy` names who holds the board
   * @throws {ProtocolError} `protocol-version`, `not-sluice`
   */
  static async connect(source: LinkSource, options: ConnectOptions = {}): Promise<BoardClient> {
    return new BoardClient(await BoardLink.open(source, options));
  }

  private constructor(link: BoardLink) {
    this.#link = link;
  }

  /** What the board said about itself in the handshake. */
  get hello(): HelloReply {
    return this.#link.hello;
  }

  get board(): BoardIdentity {
    return this.hello.board;
  }

  get geometry(): string {
    return this.hello.geometry;
  }

  /** For people: "tcp 127.0.0.1:7420". */
  get link(): string {
    return this.#link.connection.transport.describe();
  }

  /** Bytes on the wire since the link was opened last. */
  get traffic(): { readonly bytesSent: number; readonly bytesReceived: number } {
    return this.#link.connection.transport.counters;
  }

  /**
   * Makes a model ready to run; sends only what the board lacks.
   * @throws {DeviceError} when the model does not fit this board
   * @throws {StoreError} `store-full`
   * @throws {SecurityError} `unsigned-package`, `untrusted-signer`, `bad-signature`, `not-what-was-signed`
   */
  async install(
    plan: RunPlan,
    sections: readonly UploadSection[],
    options: InstallOptions = {},
  ): Promise<UploadReport> {
    const hashed = hashSections(sections);
    const request: InstallRequest = {
      plan,
      sections: hashed.map(planned),
      layerNames: (options.layerNames ?? []).map(nameOnTheWire),
    };
    const parts: UploadPart[] = [...hashed];
    const { signed } = options;
    if (signed && signed.signatures.length > 0 && this.hello.demandsSignature) {
      const { manifestBytes: content, manifestHash: sha256, signatures } = signed;
      request.signed = { manifest: sha256, bytes: content.length, signatures: [...signatures] };
      parts.push({ name: "manifest", bytes: content.length, sha256, content });
    }
    const tally = new UploadTally(parts, options.onProgress);
    const number = await this.#link.surviving(() => this.#bringUp(request, tally));
    this.#model = { plan, request, parts, number };
    return tally.report;
  }

  /** Puts sections into the board's store without loading them: the slow part of a later `install`. */
  async upload(
    sections: readonly UploadSection[],
    options: Pick<InstallOptions, "onProgress"> = {},
  ): Promise<UploadReport> {
    const hashed = hashSections(sections);
    const tally = new UploadTally(hashed, options.onProgress);
    await this.#link.surviving(async () => {
      const states = await this.have(hashed.map(({ sha256 }) => sha256));
      const all = states.map(({ complete, received }, index) => ({ complete, received, index }));
      const missing = all.filter(({ complete }) => !complete);
      await uploadMissing(this.#link.connection, missing, this.#pacing(), tally);
    });
    return tally.report;
  }

  /**
   * Runs frames laid out as the plan's LOAD reads them; several batches are under way at once.
   * @throws {TransportError} `timeout`, `disconnected`
   * @throws {DeviceError} what the device reports
   */
  run(frames: FrameSource, options: RunOptions = {}): Promise<RunReport> {
    const installed = this.#installed();
    const context = {
      plan: installed.plan,
      limits: this.hello.limits,
      deadlineMs: this.#link.workMs,
      connection: () => this.#link.connection,
      model: () => installed.number,
      recover: async (error: unknown) => {
        await this.#link.recover(error);
        await this.#link.surviving(async () => {
          installed.number = await this.#bringUp(installed.request, new UploadTally(installed.parts));
        });
      },
    };
    return runFrames(context, frames, options);
  }

  /** Counters and CRCs of every layer in the frame that ran last; `frame` is its index. */
  readLayers(): Promise<LayerReadout> {
    return this.#link.ask(layers, { model: this.#installed().number }, this.#link.workMs);
  }

  /** What one layer writes for one input frame. */
  async dumpLayer(layer: number, frame: Uint8Array, output: 0 | 1 = 0): Promise<LayerTensor> {
    const request = { model: this.#installed().number, layer, output, index: 0 };
    const { body, attachment } = await this.#link.send(dump, request, frame, this.#link.workMs);
    const [height, width, channels] = body.shape;
    if (attachment.length !== height * width * channels) {
      throw new ProtocolError("frame-bytes", "A dumped layer does not have the bytes of its shape.", {
        place: `${this.#link.connection.peer}, layer ${layer}`,
        expected: `${height} x ${width} x ${channels}`,
        found: `${attachment.length} bytes`,
      });
    }
    return { layer, shape: body.shape, codes: new Int8Array(attachment.buffer) };
  }

  status(): Promise<BoardStatus> {
    return this.#link.ask(status, {});
  }

  /** What the board's section store holds. */
  sections(): Promise<StoreListing> {
    return this.#link.ask(list, {});
  }

  /** Which of these sections (SHA-256) the board has, and how much of the others. */
  async have(sections: readonly Uint8Array[]): Promise<{ complete: boolean; received: number }[]> {
    return (await this.#link.ask(have, { sections: [...sections] })).sections;
  }

  removeSections(sections: readonly Uint8Array[]): Promise<{ removed: number; freedBytes: number }> {
    return this.#link.ask(remove, { sections: [...sections] });
  }

  /** Gives the device back and hangs up. Harmless on a link that is already broken. */
  close(): Promise<void> {
    return this.#link.close();
  }

  /** Installs, sending what is missing, and returns the board's number for the model. */
  async #bringUp(request: InstallRequest, tally: UploadTally): Promise<number> {
    const fingerprint = new Uint8Array(createHash("sha256").update(encodeRequest(install, request)).digest());
    // Once for what is missing; once more because a stored section may turn out to be damaged on disk.
    for (let round = 0; round < 3; round += 1) {
      const reply = await this.#askToInstall(request, fingerprint);
      if (reply.state === "ready") return reply.model;
      await uploadMissing(this.#link.connection, reply.missing, this.#pacing(), tally);
    }
    throw new ProtocolError("never-complete", "The board keeps asking for sections it was sent.", {
      place: this.#link.connection.peer,
      hint: "Check the board's storage: what is written there does not stay.",
    });
  }

  /** The plan travels only to a board that has not seen it. */
  async #askToInstall(request: InstallRequest, fingerprint: Uint8Array): Promise<InstallReply> {
    const reply = await this.#link.ask(reinstall, { fingerprint }, this.#link.workMs);
    return reply.state === "unknown" ? this.#link.ask(install, request, this.#link.workMs) : reply;
  }

  #installed(): Installed {
    if (this.#model) return this.#model;
    throw new ProtocolError("no-model", "Nothing has been installed through this connection.", {
      place: this.#link.connection.peer,
      hint: "Call install() first.",
    });
  }

  #pacing() {
    const { limits } = this.hello;
    // About a second of the link a piece: progress stays visible, the cost of the answers small.
    const second = Math.round(this.#link.connection.transport.bytesPerSecond);
    const pieceBytes = Math.min(limits.attachmentBytes, MAX_PIECE, Math.max(4_096, second));
    return { pieceBytes, ahead: Math.max(1, limits.outstanding - 2), deadlineMs: this.#link.deadlineMs };
  }
}
