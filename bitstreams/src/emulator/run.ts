/** One START: the program over all frames, a slice at a time, with what the counters show. */
import type { ProgramCycles, programCycles } from "@sluice/sdk/compile";
import { COMMAND_BYTES, overlayErrors } from "@sluice/sdk/overlay";
import type { FrameBases, PreparedCommand } from "./commands/command-context.js";
import type { Engine } from "./engine.js";
import { OverlayFault } from "./fault.js";
import type { EmulatorMemory } from "./memory.js";
import type { ProgramCache } from "./program-cache.js";
import type { RunRequest } from "./register-file.js";
import type { TensorView } from "./tensor-view.js";

const IMAGE_ALIGNMENT = 4096;
const REGION_ALIGNMENT = 64;
/** Commands looked at before a run starts; no sensible program has as many. */
const LARGEST_OUTLINE = 65_536;

export interface LayerReadout {
  cycles: number;
  stallWeights: number;
  weightBeats: number;
  crc0: number;
  crc1: number;
}

export interface RunServices {
  readonly engine: Engine;
  readonly memory: EmulatorMemory;
  readonly cache: ProgramCache;
  /** The cycle model: what one frame of a program costs. */
  readonly charge: typeof programCycles;
}

export class OverlayRun {
  readonly #request: RunRequest;
  readonly #services: RunServices;
  #charge?: ProgramCycles;
  #current?: PreparedCommand;
  #slice = 0;
  #checked = false;

  finished = false;
  error: number = overlayErrors.NONE;
  errorCommand = 0;
  /** For people who debug the emulator; hardware has no such thing. */
  errorReason = "";
  framesDone = 0;
  cycles = 0;
  /** Of the last frame, like the layers below. */
  stallWeights = 0;
  stallData = 0;
  weightBeats = 0;
  readonly layers = new Map<number, LayerReadout>();
  /** Index of the command that runs next or right now. */
  command = 0;

  constructor(request: RunRequest, services: RunServices) {
    this.#request = request;
    this.#services = services;
  }

  /** One slice of bounded work. Never throws for what a program, an image or an address may contain. */
  step(): void {
    if (this.finished) return;
    try {
      if (!this.#checked) this.#begin();
      else this.#advance();
    } catch (error) {
      if (!(error instanceof OverlayFault)) throw error;
      this.#stop(error.code, error.message);
    }
  }

  abort(): void {
    if (!this.finished) this.#stop(overlayErrors.ABORTED, "stopped by CONTROL.ABORT");
  }

  #stop(code: number, reason: string): void {
    this.finished = true;
    this.error = code;
    this.errorCommand = this.command;
    this.errorReason = reason;
    this.#current = undefined;
  }

  #begin(): void {
    const request = this.#request;
    const aligned =
      request.imageBase % IMAGE_ALIGNMENT === 0 &&
      [request.inputBase, request.outputBase, request.scratchBase].every(
        (base) => base % REGION_ALIGNMENT === 0,
      );
    if (!aligned) throw new OverlayFault("MEMORY", "a base address is not aligned");
    this.#checked = true;
    const { tablesBytes, tablesOffset, imageBase } = request;
    const tables = tablesBytes === 0 ? new Uint8Array(0) : this.#read(imageBase + tablesOffset, tablesBytes);
    const { cache, charge, engine } = this.#services;
    const decoders = cache.useTables(tables);
    const outline = cache.outline(this.#programBytes(), (program) => charge(program, engine.geometry));
    this.#charge = outline.cycles;
    for (const codec of outline.codecs) {
      // An unknown codec is the fault of the command that names it, damaged tables are found here.
      tryOpen(() => decoders.open(codec));
    }
    if (request.frames === 0) this.finished = true;
  }

  /** The program as far as it lies in memory; what is missing is found when it is fetched. */
  #programBytes(): Uint8Array {
    const { memory } = this.#services;
    const wanted = Math.min(this.#request.commandCount, LARGEST_OUTLINE);
    const whole = memory.span(this.#commandAddress(0), wanted * COMMAND_BYTES);
    if (whole) return whole;
    let count = 0;
    while (count < wanted && memory.span(this.#commandAddress(count), COMMAND_BYTES)) count += 1;
    return memory.span(this.#commandAddress(0), count * COMMAND_BYTES) ?? new Uint8Array(0);
  }

  #advance(): void {
    if (this.#current === undefined) this.#fetch();
    const current = this.#current;
    if (current === undefined) return;
    if (this.#slice < current.slices) {
      current.run(this.#slice, this.#frameBases());
      this.#slice += 1;
    }
    if (this.#slice >= current.slices) this.#retire(current);
  }

  #fetch(): void {
    const { commandCount, imageBase } = this.#request;
    if (this.command >= commandCount) throw new OverlayFault("BAD_COMMAND", "the program has no END");
    if (this.command === 0) this.#beginFrame();
    const bytes = this.#read(this.#commandAddress(this.command), COMMAND_BYTES);
    const prepared = this.#services.cache.prepare(bytes, imageBase);
    if (prepared.command.opcode === "END" && this.command + 1 !== commandCount) {
      throw new OverlayFault("BAD_COMMAND", "END is not the last of COMMAND_COUNT commands");
    }
    this.#current = prepared;
    this.#slice = 0;
  }

  #beginFrame(): void {
    this.stallWeights = 0;
    this.stallData = 0;
    this.weightBeats = 0;
    this.layers.clear();
  }

  #retire({ command, outputs }: PreparedCommand): void {
    this.#current = undefined;
    this.command += 1;
    if (command.opcode === "END") this.#endFrame();
    else this.#readOut(command.layer, outputs);
  }

  #endFrame(): void {
    const charge = this.#charge;
    if (charge) {
      this.cycles += charge.total;
      this.stallWeights = charge.stallWeights;
      this.stallData = charge.stallData;
      this.weightBeats = charge.weightBeats;
    }
    this.command = 0;
    this.framesDone += 1;
    this.finished = this.framesDone === this.#request.frames;
  }

  #readOut(index: number, outputs: readonly TensorView[]): void {
    const { engine } = this.#services;
    if (index >= engine.geometry.maxLayers) return;
    const cost = this.#charge?.layers[index];
    const known = this.layers.get(index);
    const layer = known ?? { cycles: 0, stallWeights: 0, weightBeats: 0, crc0: 0, crc1: 0 };
    layer.cycles = cost?.total ?? 0;
    layer.stallWeights = cost?.stallWeights ?? 0;
    layer.weightBeats = cost?.weightBeats ?? 0;
    if (known === undefined) this.layers.set(index, layer);
    // Only the last frame's CRCs can be read.
    if (outputs.length === 0 || this.framesDone + 1 < this.#request.frames) return;
    layer.crc0 = engine.crc(outputs[0]);
    layer.crc1 = outputs.length > 1 ? engine.crc(outputs[1]) : 0;
  }

  #commandAddress(index: number): number {
    return this.#request.imageBase + this.#request.commandOffset + index * COMMAND_BYTES;
  }

  #frameBases(): FrameBases {
    const { inputBase, inputStride, outputBase, outputStride, scratchBase } = this.#request;
    return {
      input: inputBase + this.framesDone * inputStride,
      output: outputBase + this.framesDone * outputStride,
      scratch: scratchBase,
    };
  }

  #read(address: number, byteLength: number): Uint8Array {
    const bytes = this.#services.memory.span(address, byteLength);
    if (bytes) return bytes;
    throw new OverlayFault("MEMORY", `${byteLength} bytes at 0x${address.toString(16)} are not memory`);
  }
}

function tryOpen(open: () => unknown): void {
  try {
    open();
  } catch (error) {
    if (!(error instanceof OverlayFault) || error.code !== overlayErrors.UNSUPPORTED_CODEC) throw error;
  }
}
