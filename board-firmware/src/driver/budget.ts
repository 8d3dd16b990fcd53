/** What a model takes from DDR, worked out before anything is allocated. */

import type { RunPlan } from "@sluice/sdk/compile";
import { DeviceError } from "@sluice/sdk/errors.js";
import { COMMAND_BYTES } from "@sluice/sdk/overlay";
import { roundUp } from "./image.js";
import type { DriverOptions, MemoryBudget } from "./types.js";

const DEFAULT_BATCH_BYTES = 16 * 2 ** 20;
/** Registers INPUT_STRIDE and OUTPUT_STRIDE want multiples of this. */
export const FRAME_ALIGNMENT = 64;
const LARGEST_BATCH = 4096;

/** Where a cut program for a layer dump lies: behind the image, in the same buffer. */
export function dumpProgramOffset(plan: RunPlan): number {
  return roundUp(plan.imageBytes, FRAME_ALIGNMENT);
}

export function memoryBudget(plan: RunPlan, options: DriverOptions = {}): MemoryBudget {
  const inputStride = roundUp(plan.inputFrameBytes, FRAME_ALIGNMENT);
  const outputStride = roundUp(plan.outputFrameBytes, FRAME_ALIGNMENT);
  const batchBytes = options.batchBytes ?? DEFAULT_BATCH_BYTES;
  const wanted = options.batchFrames ?? Math.floor(batchBytes / (inputStride + outputStride));
  const batchFrames = Math.max(1, Math.min(LARGEST_BATCH, Math.floor(wanted)));
  // A cut program has one STORE more than the commands before it, and an END.
  const image = dumpProgramOffset(plan) + (plan.commandCount + 2) * COMMAND_BYTES;
  const input = inputStride * batchFrames;
  const output = outputStride * batchFrames;
  const scratch = plan.scratchBytes;
  return { image, input, output, scratch, batchFrames, total: image + input + output + scratch };
}

/** @throws {DeviceError} `out-of-memory` when the plan cannot fit into `available` bytes of DDR at all. */
export function checkBudget(budget: MemoryBudget, available: number): void {
  if (budget.total <= available) return;
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  throw new DeviceError(
    "out-of-memory",
    "The model does not fit into the memory set aside for the overlay.",
    {
      place: "DDR",
      expected: `at most ${mebibytes(available)}`,
      found:
        `${mebibytes(budget.total)}: image ${mebibytes(budget.image)}, input ${mebibytes(budget.input)}, ` +
        `output ${mebibytes(budget.output)}, spill ${mebibytes(budget.scratch)}`,
      hint: "Reserve more contiguous memory on the board, or run fewer frames per batch.",
      details: { ...budget, available },
    },
  );
}
