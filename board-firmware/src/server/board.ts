/**
 * What all connections share: the device behind its driver, the section store, and the model that is loaded.
 * Device work is done one piece at a time, in the order in which it was asked for.
 */
import { createHash } from "node:crypto";
import type { ImageSection } from "@sluice/sdk/compile";
import { DeviceError, ProtocolError, StoreError } from "@sluice/sdk/errors.js";
import {
  type BoardIdentity,
  encodeRequest,
  type InstallReply,
  type InstallRequest,
  install,
  type LayerReadout,
  type Reading,
  type ReinstallReply,
  type RunReply,
  toHex,
} from "@sluice/sdk/protocol";
import type { Logger } from "pino";
import { overlayIsStuck } from "../driver/index.js";
import type { SignaturePolicy } from "../security/index.js";
import type { SectionStore } from "../store/index.js";
import { notAvailable } from "../telemetry/sensors.js";
import { Hold } from "./hold.js";
import type { ModelRunner } from "./runner.js";

export interface BoardOptions {
  readonly identity: BoardIdentity;
  readonly runner: ModelRunner;
  readonly store: SectionStore;
  /** Whose signature a package needs. Default nobody's. */
  readonly signatures?: SignaturePolicy;
  /** Telemetry by name; what cannot be read says why. */
  readonly readings?: () => Record<string, Reading> | undefined;
  readonly log: Logger;
}

interface InstalledModel {
  readonly number: number;
  readonly fingerprint: string;
  readonly inputFrameBytes: number;
  /** Index of the frame that ran last; undefined before the first and after a dump. */
  lastFrame?: number;
}

/** Install requests remembered, of at most 256 KiB each. */
const MOST_REQUESTS = 16;

export class Board {
  readonly identity: BoardIdentity;
  readonly runner: ModelRunner;
  readonly store: SectionStore;
  readonly signatures: SignaturePolicy | undefined;
  readonly hold = new Hold();
  /** performance.now() */
  readonly startedAt = performance.now();
  /** The latest of those whose sections were all there, for `reinstall`. */
  readonly #requests = new Map<string, InstallRequest>();
  readonly #log: Logger;
  readonly #readings: () => Record<string, Reading>;
  #model: InstalledModel | undefined;
  #models = 0;
  #frames = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: BoardOptions) {
    this.identity = options.identity;
    this.runner = options.runner;
    this.store = options.store;
    this.signatures = options.signatures;
    this.#log = options.log;
    const { readings } = options;
    this.#readings = () => readings?.() ?? noReadings();
  }

  get framesRun(): number {
    return this.#frames;
  }

  get modelNumber(): number | undefined {
    return this.#model?.number;
  }

  readings(): Record<string, Reading> {
    return this.#readings();
  }

  /** Runs `work` after everything that was asked for before. */
  async exclusively<T>(work: () => Promise<T> | T): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** As `install` with a request that was installed before, by the SHA-256 of its body. */
  async reinstall(fingerprint: Uint8Array): Promise<ReinstallReply> {
    const request = this.#requests.get(toHex(fingerprint));
    return request ? this.install(request) : { state: "unknown" };
  }

  /** Loads the model, or says which sections are missing. */
  async install(request: InstallRequest): Promise<InstallReply> {
    this.signatures?.checkSigner(request);
    const missing = this.#missing(request);
    if (missing.length > 0) return { state: "missing", missing };
    const fingerprint = createHash("sha256").update(encodeRequest(install, request)).digest("hex");
    this.#remember(fingerprint, request);
    if (this.#model?.fingerprint === fingerprint) return { state: "ready", model: this.#model.number };
    let sections: ImageSection[];
    try {
      if (request.signed)
        this.signatures?.checkContent(request, this.store.read(toHex(request.signed.manifest)));
      sections = request.sections.map(({ kind, name, offset, sha256 }) => ({
        kind,
        name,
        offset,
        bytes: this.store.read(toHex(sha256)),
      }));
    } catch (error) {
      // A section that proved damaged is simply missing now; the host sends it again, and with it all that are damaged.
      if (!(error instanceof StoreError)) throw error;
      this.#log.warn({ err: error }, "a stored section was thrown away");
      for (const { sha256 } of request.sections) this.store.isSound(toHex(sha256));
      return { state: "missing", missing: this.#missing(request) };
    }
    this.#model = undefined;
    this.store.pin([]);
    this.runner.load(request.plan, sections, request.layerNames);
    this.store.pin(request.sections.map(({ sha256 }) => toHex(sha256)));
    this.#models += 1;
    const { inputFrameBytes } = request.plan;
    this.#model = { number: this.#models, fingerprint, inputFrameBytes };
    return { state: "ready", model: this.#models };
  }

  async run(
    model: number,
    indices: readonly number[],
    frames: Uint8Array,
    readLayers: boolean,
    signal: AbortSignal,
  ): Promise<{ reply: RunReply; outputs: Uint8Array }> {
    const loaded = this.#loaded(model);
    checkFrameBytes(frames.length, indices.length * loaded.inputFrameBytes);
    const started = process.hrtime.bigint();
    const { outputs, cycles, stallWeights, stallData, weightBeats } = await this.#working(() =>
      this.runner.run(frames, { signal }),
    );
    const microseconds = Number((process.hrtime.bigint() - started) / 1000n);
    this.#frames += indices.length;
    loaded.lastFrame = indices.at(-1);
    const layers = readLayers ? this.readLayers(model) : undefined;
    const counters = { cycles, stallWeights, stallData, weightBeats, microseconds };
    return { reply: { indices: [...indices], ...counters, layers }, outputs };
  }

  readLayers(model: number): LayerReadout {
    const { lastFrame } = this.#loaded(model);
    if (lastFrame === undefined) {
      throw new DeviceError(
        "no-frame",
        "No frame has run since the model was loaded or a layer was dumped.",
        {
          hint: "Run a frame first.",
        },
      );
    }
    const layers = this.runner.layerCounters().map(({ cycles, stallWeights, weightBeats, crc0, crc1 }) => ({
      cycles,
      stallWeights,
      weightBeats,
      crc: [crc0, crc1] as [number, number],
    }));
    return { frame: lastFrame, layers };
  }

  async dumpLayer(model: number, layer: number, output: 0 | 1, frame: Uint8Array, signal: AbortSignal) {
    const loaded = this.#loaded(model);
    checkFrameBytes(frame.length, loaded.inputFrameBytes);
    // The counters are about to become those of a cut program.
    loaded.lastFrame = undefined;
    return this.#working(() => this.runner.dumpLayer(layer, output, frame, { signal }));
  }

  /** A model whose image was damaged in DDR, or whose overlay had to be replaced, is loaded anew by the next `install`. */
  async #working<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const damaged = error instanceof DeviceError && error.code === "image-damaged";
      if (damaged || overlayIsStuck(error)) this.#model = undefined;
      throw error;
    }
  }

  #remember(fingerprint: string, request: InstallRequest): void {
    this.#requests.delete(fingerprint);
    this.#requests.set(fingerprint, request);
    if (this.#requests.size > MOST_REQUESTS) this.#requests.delete(this.#requests.keys().next().value!);
  }

  #missing(request: InstallRequest): { index: number; received: number }[] {
    const { signed } = request;
    // The manifest is one section more, to a board that reads it.
    const wanted =
      signed && this.signatures
        ? [...request.sections, { sha256: signed.manifest, bytes: signed.bytes, name: "manifest" }]
        : request.sections;
    return wanted.flatMap(({ sha256, bytes, name }, index) => {
      const { complete, received } = this.store.state(toHex(sha256));
      if (!complete) return [{ index, received }];
      if (received === bytes) return [];
      // Power that failed may have left a file of another length under the name; its hash then tells.
      if (!this.store.isSound(toHex(sha256))) return [{ index, received: 0 }];
      throw new ProtocolError("bad-section-layout", "A section's length is not that of its content.", {
        place: `section "${name}"`,
        expected: `${received} bytes`,
        found: `${bytes} bytes`,
        hint: "The package is damaged or was made by a faulty tool: pack the model again.",
      });
    });
  }

  #loaded(model: number): InstalledModel {
    if (this.#model?.number === model) return this.#model;
    throw new DeviceError("no-model", "This model is not loaded on the board.", {
      expected: this.#model ? `model ${this.#model.number}` : "an `install` first",
      found: `model ${model}`,
      hint: "Install the model again; another host may have used the board meanwhile.",
    });
  }
}

function checkFrameBytes(found: number, expected: number): void {
  if (found === expected) return;
  throw new ProtocolError("frame-bytes", "The input frames do not have the size the model reads.", {
    expected: `${expected} bytes`,
    found: `${found} bytes`,
    hint: "Lay the frames out as the package's input format says.",
  });
}

function noReadings(): Record<string, Reading> {
  const none = notAvailable("this device has no sensor for it");
  return { power: none, temperature: none, "energy per inference": none };
}
