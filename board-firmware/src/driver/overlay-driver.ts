/**
 * Runs one model on one overlay. Knows registers and DDR buffers (OverlayDevice) and nothing below them.
 *
 *   const driver = new OverlayDriver(device);
 *   driver.load(plan, sections);
 *   const { outputs, cycles } = await driver.run(frames);
 *   const layers = driver.layerCounters();          // of the last frame
 *   const dump = await driver.dumpLayer(3, 0, frame);
 *   driver.unload();
 *
 * One call at a time: a second run while one is going is refused (`busy`), never queued.
 */
import type { ImageSection, RunPlan } from "@sluice/sdk/compile";
import { DeviceError } from "@sluice/sdk/errors.js";
import { type Command, memoryTensorBytes, packCommands, regionCodes } from "@sluice/sdk/overlay";
import type { OverlayDevice } from "../device/overlay-device.js";
import { checkBudget, dumpProgramOffset, FRAME_ALIGNMENT, memoryBudget } from "./budget.js";
import { allocateBuffers, freeBuffers, type ModelBuffers, writeBufferAddresses } from "./buffers.js";
import { cutProgram, wordsToCodes } from "./dump-program.js";
import { checkCodecs, checkOverlay, checkPlanFits, readIdentity } from "./identity.js";
import { checkPlan, placeSections, readProgram, roundUp } from "./image.js";
import { deadlineFor, startAndWait } from "./interrupt.js";
import { checkImage, checkInput, checkStored, type StoredTensor, storedTensors } from "./memory-check.js";
import { fillPoison, findPoison } from "./poison.js";
import { readCycles, readNamed, writeNamed } from "./register-access.js";
import type {
  DriverOptions,
  LayerCounters,
  LayerDump,
  MemoryBudget,
  OverlayIdentity,
  RunCounters,
  RunOptions,
  RunResult,
} from "./types.js";

const BOARD_FLOOR_MS = 2_000;
/** A simulated device shares its processor with whatever else the machine does. */
const SIMULATED_FLOOR_MS = 30_000;

interface LoadedModel {
  readonly plan: RunPlan;
  /** What the image was put together from; it is compared with DDR after every batch. */
  readonly sections: readonly ImageSection[];
  readonly program: readonly Command[];
  readonly layerNames: readonly string[];
  readonly budget: MemoryBudget;
  readonly buffers: ModelBuffers;
  readonly inputStride: number;
  readonly outputStride: number;
  /** Stretches of an output frame that the program's STORE commands write. */
  readonly written: readonly { readonly offset: number; readonly byteLength: number }[];
  /** Tensors in DDR that the overlay's own CRCs cover. */
  readonly stored: readonly StoredTensor[];
}

export class OverlayDriver {
  readonly device: OverlayDevice;
  readonly #options: DriverOptions;
  #identity?: OverlayIdentity;
  #model?: LoadedModel;
  #running = false;
  #batches = 0;

  constructor(device: OverlayDevice, options: DriverOptions = {}) {
    this.device = device;
    this.#options = options;
  }

  get loadedPlan(): RunPlan | undefined {
    return this.#model?.plan;
  }

  /** @throws {DeviceError} `not-an-overlay`, `overlay-version` */
  identify(): OverlayIdentity {
    if (this.#identity === undefined) {
      const identity = readIdentity(this.device);
      checkOverlay(identity);
      this.#identity = identity;
    }
    return this.#identity;
  }

  /** What `load` would take from the device's DDR. */
  memoryBudget(plan: RunPlan): MemoryBudget {
    return memoryBudget(plan, this.#options);
  }

  /**
   * Checks the plan against the overlay, allocates every buffer and writes the image. A model loaded before is
   * unloaded once the new plan has passed the checks that need no memory.
   *
   * @param layerNames for error messages, indexed like `LayerInfo.index`
   * @throws {DeviceError} `bad-plan`, `overlay-version`, `geometry-mismatch`, `codec-unsupported`, `out-of-memory`
   */
  load(plan: RunPlan, sections: readonly ImageSection[], layerNames: readonly string[] = []): void {
    this.#refuseWhileRunning();
    checkPlan(plan);
    const identity = this.identify();
    checkPlanFits(plan, identity);
    const budget = this.memoryBudget(plan);
    this.unload();
    checkBudget(budget, this.device.freeBytes);
    const buffers = allocateBuffers(this.device, budget);
    try {
      placeSections(plan, sections, buffers.image.bytes.subarray(0, plan.imageBytes));
      const program = readProgram(plan, buffers.image.bytes);
      checkCodecs(
        program.flatMap((command) => ("codec" in command ? [command.codec] : [])),
        identity,
      );
      buffers.image.toDevice();
      this.#model = {
        plan,
        sections,
        program,
        layerNames,
        budget,
        buffers,
        inputStride: roundUp(plan.inputFrameBytes, FRAME_ALIGNMENT),
        outputStride: roundUp(plan.outputFrameBytes, FRAME_ALIGNMENT),
        written: this.#writtenStretches(plan, program),
        stored: storedTensors(program, this.device.geometry).filter(
          ({ source }) => source.layer < Math.min(plan.layerCount, this.device.geometry.maxLayers),
        ),
      };
    } catch (error) {
      freeBuffers(buffers);
      throw error;
    }
  }

  /** Gives the buffers back. Harmless when nothing is loaded. */
  unload(): void {
    this.#refuseWhileRunning();
    if (this.#model) freeBuffers(this.#model.buffers);
    this.#model = undefined;
  }

  /**
   * Runs frames laid out as the plan's LOAD reads them, each `plan.inputFrameBytes` long, in batches.
   *
   * @throws {DeviceError} `overlay-error`, `aborted`, `deadline`, `frames-missing`, `unwritten-output`, `bad-input`,
   *   `busy`, `no-model`; `image-damaged`, `input-damaged`, `output-damaged`, `spill-damaged` when DDR did not keep
   *   what was written to it (the last two: in the last frame of a batch)
   */
  async run(frames: Uint8Array | readonly Uint8Array[], options: RunOptions = {}): Promise<RunResult> {
    return this.#exclusively(async () => {
      const model = this.#loaded();
      const inputs = splitFrames(frames, model.plan.inputFrameBytes);
      const frameBytes = model.plan.outputFrameBytes;
      const outputs = new Uint8Array(inputs.length * frameBytes);
      let counters: RunCounters = { cycles: 0, stallWeights: 0, stallData: 0, weightBeats: 0 };
      for (let first = 0; first < inputs.length; first += model.budget.batchFrames) {
        const batch = inputs.slice(first, first + model.budget.batchFrames);
        const done = await this.#blamingImage(model, () =>
          this.#runBatch(model, batch, outputs.subarray(first * frameBytes), options),
        );
        counters = { ...done, cycles: counters.cycles + done.cycles };
        options.onProgress?.(first + batch.length);
      }
      return { frames: inputs.length, outputs, ...counters };
    });
  }

  /** Counters and CRCs of every layer in the last frame that ran. */
  layerCounters(): LayerCounters[] {
    this.#refuseWhileRunning();
    const { plan } = this.#loaded();
    const count = Math.min(plan.layerCount, this.device.geometry.maxLayers);
    return Array.from({ length: count }, (_, layer) => {
      writeNamed(this.device, "LAYER_SELECT", layer);
      return {
        layer,
        cycles: readNamed(this.device, "LAYER_CYCLES"),
        stallWeights: readNamed(this.device, "LAYER_STALL_WEIGHTS"),
        weightBeats: readNamed(this.device, "LAYER_WEIGHT_BEATS"),
        crc0: readNamed(this.device, "LAYER_CRC0"),
        crc1: readNamed(this.device, "LAYER_CRC1"),
      };
    });
  }

  /**
   * The codes a layer writes for one input frame, obtained by running the program cut after that layer. A layer that
   * was cut into bands of rows gives the rows of the band with this index.
   *
   * @throws {DeviceError} `no-such-layer`, `no-such-output`, and what `run` throws
   */
  async dumpLayer(
    layer: number,
    output: 0 | 1,
    frame: Uint8Array,
    options: RunOptions = {},
  ): Promise<LayerDump> {
    return this.#exclusively(async () => {
      const model = this.#loaded();
      const { plan, buffers } = model;
      const { geometry } = this.device;
      const cut = cutProgram(model.program, layer, output, model.outputStride, geometry);
      const [input] = splitFrames([frame], plan.inputFrameBytes);
      const target = this.device.allocate(model.outputStride + cut.byteLength, FRAME_ALIGNMENT);
      try {
        const programOffset = dumpProgramOffset(plan);
        buffers.image.toHost();
        buffers.image.bytes.set(packCommands(cut.commands), programOffset);
        buffers.image.toDevice();
        buffers.input.toHost();
        buffers.input.bytes.set(input);
        buffers.input.toDevice();
        const poison = this.#poison(target.bytes);
        target.toDevice();
        this.#writeRunRegisters(model, { ...buffers, output: target }, 1);
        writeNamed(this.device, "COMMAND_OFFSET", programOffset);
        writeNamed(this.device, "COMMAND_COUNT", cut.commands.length);
        await this.#blamingImage(model, async () => {
          await this.#startAndWait(model, 1, options, cut.commands);
          target.toHost();
          this.#checkWritten(target.bytes, poison, model.outputStride, cut.byteLength, 0);
        });
        const { outHeight: height, outWidth: width, outChannels: channels } = cut.source;
        const words = target.bytes.subarray(model.outputStride);
        const codes = wordsToCodes(words, height * width, channels, geometry);
        return { layer, output, height, width, channels, codes };
      } finally {
        target.free();
      }
    });
  }

  async #runBatch(
    model: LoadedModel,
    batch: readonly Uint8Array[],
    outputs: Uint8Array,
    options: RunOptions,
  ): Promise<RunCounters> {
    const { plan, buffers, inputStride, outputStride } = model;
    buffers.input.toHost();
    batch.forEach((frame, index) => {
      buffers.input.bytes.set(frame, index * inputStride);
    });
    buffers.input.toDevice();
    buffers.output.toHost();
    const used = buffers.output.bytes.subarray(0, batch.length * outputStride);
    const poison = this.#poison(used);
    buffers.output.toDevice();
    this.#writeRunRegisters(model, buffers, batch.length);
    await this.#startAndWait(model, batch.length, options, model.program);
    const framesDone = readNamed(this.device, "FRAMES_DONE");
    if (framesDone !== batch.length) {
      throw new DeviceError("frames-missing", "The overlay says it is done, but not with every frame.", {
        place: "register FRAMES_DONE",
        expected: String(batch.length),
        found: String(framesDone),
        hint: "Run `sluice-board doctor` on the board: the overlay on the board may be older than this runtime.",
      });
    }
    buffers.output.toHost();
    batch.forEach((_, frame) => {
      const start = frame * outputStride;
      for (const { offset, byteLength } of model.written) {
        this.#checkWritten(used, poison, start + offset, byteLength, frame);
      }
      const bytes = used.subarray(start, start + plan.outputFrameBytes);
      outputs.set(bytes, frame * plan.outputFrameBytes);
    });
    this.#checkMemory(model, batch);
    return {
      cycles: readCycles(this.device),
      stallWeights: readNamed(this.device, "STALL_WEIGHTS"),
      stallData: readNamed(this.device, "STALL_DATA"),
      weightBeats: readNamed(this.device, "WEIGHT_BEATS"),
    };
  }

  #checkImage({ sections, buffers }: LoadedModel, cause?: unknown): void {
    buffers.image.toHost();
    checkImage(sections, buffers.image.bytes, cause);
  }

  /**
   * A damaged program or stream can stop the overlay in many ways, or end it early and in peace; where the image is
   * damaged, that is what the user needs to know, and what makes the server load it anew.
   */
  async #blamingImage<T>(model: LoadedModel, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DeviceError && error.code !== "aborted") this.#checkImage(model, error);
      throw error;
    }
  }

  /** After a batch: did the overlay read what it was given, and is what it wrote still there? */
  #checkMemory(model: LoadedModel, batch: readonly Uint8Array[]): void {
    const { buffers, stored, inputStride, outputStride } = model;
    this.#checkImage(model);
    buffers.input.toHost();
    checkInput(batch, buffers.input.bytes, inputStride);
    buffers.scratch?.toHost();
    const last = buffers.output.bytes.subarray((batch.length - 1) * outputStride);
    for (const tensor of stored) {
      writeNamed(this.device, "LAYER_SELECT", tensor.source.layer);
      const crc = readNamed(this.device, tensor.output === 0 ? "LAYER_CRC0" : "LAYER_CRC1");
      const memory = tensor.store.region === regionCodes.output ? last : buffers.scratch?.bytes;
      if (memory) checkStored(tensor, memory, crc, this.device.geometry);
    }
  }

  #writeRunRegisters(model: LoadedModel, buffers: ModelBuffers, frames: number): void {
    const { plan, inputStride, outputStride } = model;
    writeBufferAddresses(this.device, buffers);
    writeNamed(this.device, "COMMAND_OFFSET", plan.commandOffset);
    writeNamed(this.device, "COMMAND_COUNT", plan.commandCount);
    writeNamed(this.device, "TABLES_OFFSET", plan.tablesOffset);
    writeNamed(this.device, "TABLES_BYTES", plan.tablesBytes);
    writeNamed(this.device, "FRAME_COUNT", frames);
    writeNamed(this.device, "INPUT_STRIDE", inputStride);
    writeNamed(this.device, "OUTPUT_STRIDE", outputStride);
  }

  async #startAndWait(
    model: LoadedModel,
    frames: number,
    options: RunOptions,
    program: readonly Command[],
  ): Promise<void> {
    const usualFloorMs = this.device.slowdown > 1 ? SIMULATED_FLOOR_MS : BOARD_FLOOR_MS;
    const floorMs = this.#options.deadlineFloorMs ?? usualFloorMs;
    const deadlineMs =
      options.deadlineMs ?? deadlineFor(this.device, model.plan.cyclesPerFrame, frames, floorMs);
    const { layerNames } = model;
    await startAndWait(this.device, { deadlineMs, program, layerNames, signal: options.signal });
  }

  /** Poisons a buffer the host owns and returns a copy of the poison. */
  #poison(bytes: Uint8Array): Uint8Array {
    this.#batches += 1;
    fillPoison(bytes, this.#batches);
    return bytes.slice();
  }

  #checkWritten(bytes: Uint8Array, poison: Uint8Array, offset: number, length: number, frame: number): void {
    const at = findPoison(bytes, poison, offset, length);
    if (at === undefined) return;
    throw new DeviceError(
      "unwritten-output",
      "The overlay reported success but did not write its whole output.",
      {
        place: `frame ${frame} of the batch, byte ${at - offset} of ${length}`,
        expected: "bytes written by the overlay",
        found: "the pattern the driver left there before the run",
        hint: "The output buffer's address or its cache maintenance is wrong; run `sluice-board doctor` on the board.",
      },
    );
  }

  #writtenStretches(plan: RunPlan, program: readonly Command[]): LoadedModel["written"] {
    return program.flatMap((command) => {
      if (command.opcode !== "STORE" || command.region !== regionCodes.output) return [];
      const { inHeight, inWidth, inChannels, offset } = command;
      const byteLength = memoryTensorBytes(inHeight, inWidth, inChannels, this.device.geometry);
      if (offset + byteLength > roundUp(plan.outputFrameBytes, FRAME_ALIGNMENT)) {
        throw new DeviceError("bad-plan", "The program stores more output than the plan's frames hold.", {
          place: `STORE of layer ${command.layer}`,
          expected: `an end within ${plan.outputFrameBytes} bytes`,
          found: `${offset + byteLength} bytes`,
          hint: "The package is damaged or was made by a faulty tool: pack the model again.",
        });
      }
      return [{ offset, byteLength }];
    });
  }

  #loaded(): LoadedModel {
    if (this.#model) return this.#model;
    throw new DeviceError("no-model", "No model is loaded on the device.", { hint: "Load a package first." });
  }

  #refuseWhileRunning(): void {
    if (!this.#running) return;
    throw new DeviceError("busy", "The overlay is running.", { hint: "Wait for the run or stop it." });
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseWhileRunning();
    this.#running = true;
    try {
      return await work();
    } finally {
      this.#running = false;
    }
  }
}

function splitFrames(frames: Uint8Array | readonly Uint8Array[], frameBytes: number): Uint8Array[] {
  if (frames instanceof Uint8Array) {
    if (frames.length === 0 || frames.length % frameBytes !== 0) {
      throw badInput(`a positive multiple of ${frameBytes} bytes`, `${frames.length} bytes`);
    }
    return Array.from({ length: frames.length / frameBytes }, (_, index) =>
      frames.subarray(index * frameBytes, (index + 1) * frameBytes),
    );
  }
  const wrong = frames.findIndex((frame) => frame.length !== frameBytes);
  if (wrong >= 0) throw badInput(`${frameBytes} bytes`, `${frames[wrong].length} bytes in frame ${wrong}`);
  if (frames.length === 0) throw badInput("at least one frame", "none");
  return [...frames];
}

function badInput(expected: string, found: string): DeviceError {
  return new DeviceError("bad-input", "The input frames do not have the size the program reads.", {
    expected,
    found,
    hint: "Lay the frames out as the package's input format says, padded to the plan's inputFrameBytes.",
  });
}
