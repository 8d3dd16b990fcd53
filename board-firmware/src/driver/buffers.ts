/** The four DDR buffers of a loaded model, allocated together and freed together. */
import type { DeviceBuffer, OverlayDevice } from "../device/overlay-device.js";
import { FRAME_ALIGNMENT } from "./budget.js";
import { IMAGE_ALIGNMENT } from "./image.js";
import { writeAddress } from "./register-access.js";
import type { MemoryBudget } from "./types.js";

export interface ModelBuffers {
  readonly image: DeviceBuffer;
  readonly input: DeviceBuffer;
  readonly output: DeviceBuffer;
  /** Absent when nothing is spilled. */
  readonly scratch?: DeviceBuffer;
}

/** Allocates all or nothing. @throws {DeviceError} `out-of-memory` */
export function allocateBuffers(device: OverlayDevice, budget: MemoryBudget): ModelBuffers {
  const taken: DeviceBuffer[] = [];
  const take = (byteLength: number, alignment: number): DeviceBuffer => {
    const buffer = device.allocate(byteLength, alignment);
    taken.push(buffer);
    return buffer;
  };
  try {
    return {
      image: take(budget.image, IMAGE_ALIGNMENT),
      input: take(budget.input, FRAME_ALIGNMENT),
      output: take(budget.output, FRAME_ALIGNMENT),
      scratch: budget.scratch > 0 ? take(budget.scratch, FRAME_ALIGNMENT) : undefined,
    };
  } catch (error) {
    for (const buffer of taken) buffer.free();
    throw error;
  }
}

export function freeBuffers(buffers: ModelBuffers): void {
  buffers.image.free();
  buffers.input.free();
  buffers.output.free();
  buffers.scratch?.free();
}

export function writeBufferAddresses(device: OverlayDevice, buffers: ModelBuffers): void {
  writeAddress(device, "IMAGE_BASE", buffers.image.address);
  writeAddress(device, "INPUT_BASE", buffers.input.address);
  writeAddress(device, "OUTPUT_BASE", buffers.output.address);
  writeAddress(device, "SCRATCH_BASE", buffers.scratch?.address ?? 0n);
}
