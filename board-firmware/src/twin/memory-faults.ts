/** One bit of DDR changes: in a weight stream, the layer program, an input frame, or an output frame. */
import { OverlayError } from "@sluice/sdk/errors.js";
import {
  COMMAND_BYTES,
  type Command,
  channelWords,
  memoryTensorBytes,
  type RegisterName,
  regionCodes,
  unpackCommands,
} from "@sluice/sdk/overlay";
import type { EmulatedDevice } from "../device/emulated.js";
import { readNamed } from "../driver/register-access.js";
import type { FaultPlan } from "./fault-plan.js";

/** Looks at what the registers say is about to run, or has run. */
export class MemoryFaults {
  readonly #device: EmulatedDevice;
  readonly #plan: FaultPlan;
  /** As it was before anything of it flipped. */
  #program: readonly Command[] = [];

  constructor(device: EmulatedDevice, plan: FaultPlan) {
    this.#device = device;
    this.#plan = plan;
  }

  beforeRun(): void {
    this.#program = this.#readProgram();
    if (this.#plan.strike("bit-flip-weights")) this.#flipWeights();
    if (this.#plan.strike("bit-flip-program")) {
      this.#flip(this.#base("IMAGE") + this.#read("COMMAND_OFFSET"), this.#programBytes);
    }
    if (this.#plan.strike("bit-flip-activations")) this.#flipInput();
  }

  afterRun(): void {
    if (this.#plan.strike("bit-flip-output")) this.#flipOutput();
  }

  #flipWeights(): void {
    const streams = this.#program.flatMap((command) =>
      "weightsBytes" in command && command.weightsBytes > 0 ? [command] : [],
    );
    if (streams.length === 0) return;
    const { weightsOffset, weightsBytes } = streams[this.#plan.pick(streams.length)];
    this.#flip(this.#base("IMAGE") + weightsOffset, weightsBytes);
  }

  #flipInput(): void {
    const frame = this.#plan.pick(this.#read("FRAME_COUNT")) * this.#read("INPUT_STRIDE");
    for (const command of this.#program) {
      if (command.opcode !== "LOAD" || command.region !== regionCodes.input) continue;
      const { inHeight, inWidth, inChannels, offset } = command;
      const bytes = memoryTensorBytes(inHeight, inWidth, inChannels, this.#device.geometry);
      const inFrame = Math.min(bytes, this.#read("INPUT_STRIDE") - offset);
      this.#flip(this.#base("INPUT") + frame + offset, inFrame);
      return;
    }
  }

  /** A channel that counts, of the last frame: the one whose layer CRCs the registers still show. */
  #flipOutput(): void {
    const { geometry } = this.#device;
    for (const command of this.#program) {
      if (command.opcode !== "STORE" || command.region !== regionCodes.output) continue;
      const { inHeight, inWidth, inChannels, offset } = command;
      const frame = (this.#read("FRAME_COUNT") - 1) * this.#read("OUTPUT_STRIDE");
      const pixelBytes = channelWords(inChannels, geometry) * geometry.inputs;
      const pixel = this.#plan.pick(inHeight * inWidth) * pixelBytes;
      this.#flip(this.#base("OUTPUT") + frame + offset + pixel + this.#plan.pick(inChannels), 1);
      return;
    }
  }

  #flip(address: number, byteLength: number): void {
    const bytes = this.#device.memory.span(address, byteLength);
    if (bytes) bytes[this.#plan.pick(byteLength)] ^= 1 << this.#plan.pick(8);
  }

  get #programBytes(): number {
    return this.#read("COMMAND_COUNT") * COMMAND_BYTES;
  }

  #readProgram(): Command[] {
    const start = this.#base("IMAGE") + this.#read("COMMAND_OFFSET");
    const bytes = this.#device.memory.span(start, this.#programBytes);
    try {
      return bytes ? unpackCommands(bytes) : [];
    } catch (error) {
      // Another fault was here first; the overlay will say so.
      if (error instanceof OverlayError) return [];
      throw error;
    }
  }

  #read(name: RegisterName): number {
    return readNamed(this.#device, name);
  }

  #base(region: "IMAGE" | "INPUT" | "OUTPUT"): number {
    return this.#read(`${region}_BASE_HI`) * 2 ** 32 + this.#read(`${region}_BASE_LO`);
  }
}
