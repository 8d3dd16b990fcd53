/** The registers a driver writes and those it reads back unchanged; what a run computes lives in run-state.ts. */
import {
  OVERLAY_ID,
  OVERLAY_VERSION,
  type OverlayGeometry,
  type RegisterName,
  registers,
} from "@sluice/sdk/overlay";

const byOffset = new Map<number, RegisterName>(
  (Object.entries(registers) as [RegisterName, { offset: number }][]).map(([name, spec]) => [
    spec.offset,
    name,
  ]),
);

export function registerAt(offset: number): RegisterName | undefined {
  return byOffset.get(offset);
}

/** Values of the identity registers. @param codecs ids of the weight codecs that can be decoded */
export function identityRegisters(
  geometry: OverlayGeometry,
  codecs: readonly number[],
): Partial<Record<RegisterName, number>> {
  const { pixels, inputs, outputs, decoderLanes, requantizeLanes, depthwiseChannels } = geometry;
  const codecBits = codecs.reduce((bits, id) => bits | (1 << id), 0);
  return {
    ID: OVERLAY_ID,
    VERSION: OVERLAY_VERSION,
    GEOMETRY: (pixels | (inputs << 8) | (outputs << 16) | (decoderLanes << 24)) >>> 0,
    CAPABILITY: (codecBits | (requantizeLanes << 16) | (depthwiseChannels << 24)) >>> 0,
    ACTIVATION_ROWS: geometry.activationRows,
    WEIGHT_LINES: geometry.weightLines,
  };
}

/** What START latches: later writes to the registers do not disturb the run. */
export interface RunRequest {
  readonly imageBase: number;
  readonly inputBase: number;
  readonly outputBase: number;
  readonly scratchBase: number;
  readonly commandOffset: number;
  readonly commandCount: number;
  readonly tablesOffset: number;
  readonly tablesBytes: number;
  readonly frames: number;
  readonly inputStride: number;
  readonly outputStride: number;
}

export class RegisterFile {
  readonly #written = new Map<RegisterName, number>();

  get(name: RegisterName): number {
    return this.#written.get(name) ?? 0;
  }

  set(name: RegisterName, value: number): void {
    this.#written.set(name, value >>> 0);
  }

  latch(): RunRequest {
    return {
      imageBase: this.#address("IMAGE_BASE_LO", "IMAGE_BASE_HI"),
      inputBase: this.#address("INPUT_BASE_LO", "INPUT_BASE_HI"),
      outputBase: this.#address("OUTPUT_BASE_LO", "OUTPUT_BASE_HI"),
      scratchBase: this.#address("SCRATCH_BASE_LO", "SCRATCH_BASE_HI"),
      commandOffset: this.get("COMMAND_OFFSET"),
      commandCount: this.get("COMMAND_COUNT"),
      tablesOffset: this.get("TABLES_OFFSET"),
      tablesBytes: this.get("TABLES_BYTES"),
      frames: this.get("FRAME_COUNT"),
      inputStride: this.get("INPUT_STRIDE"),
      outputStride: this.get("OUTPUT_STRIDE"),
    };
  }

  /** Inexact above 2^53, where no memory is. */
  #address(low: RegisterName, high: RegisterName): number {
    return this.get(high) * 2 ** 32 + this.get(low);
  }
}
