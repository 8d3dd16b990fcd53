/** Puts a package's sections together as the DDR image and reads the layer program back out of it. */

import type { ImageSection, RunPlan } from "@sluice/sdk/compile";
import { DeviceError } from "@sluice/sdk/errors.js";
import { COMMAND_BYTES, type Command, unpackCommands } from "@sluice/sdk/overlay";

export const IMAGE_ALIGNMENT = 4096;
const SECTION_ALIGNMENT = 64;

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Numbers that come from a package are not trusted to be sizes. */
function badPlan(place: string, expected: string, found: unknown): DeviceError {
  return new DeviceError("bad-plan", "The run plan contradicts itself or its sections.", {
    place,
    expected,
    found: String(found),
    hint: "The package is damaged or was made by a faulty tool: pack the model again.",
  });
}

/** @throws {DeviceError} `bad-plan` naming the field. */
export function checkPlan(plan: RunPlan): void {
  const sizes = [
    "imageBytes",
    "commandOffset",
    "tablesOffset",
    "tablesBytes",
    "inputFrameBytes",
    "outputFrameBytes",
    "scratchBytes",
    "layerCount",
  ] as const;
  for (const field of sizes) {
    const value = plan[field];
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw badPlan(`plan, ${field}`, "an unsigned 32-bit integer", value);
    }
  }
  if (!(plan.cyclesPerFrame >= 0 && Number.isFinite(plan.cyclesPerFrame))) {
    throw badPlan("plan, cyclesPerFrame", "a finite number of cycles", plan.cyclesPerFrame);
  }
  if (!Number.isInteger(plan.commandCount) || plan.commandCount < 1) {
    throw badPlan("plan, commandCount", "at least 1", plan.commandCount);
  }
  if (plan.inputFrameBytes === 0) throw badPlan("plan, inputFrameBytes", "at least 1", 0);
  if (plan.outputFrameBytes === 0) throw badPlan("plan, outputFrameBytes", "at least 1", 0);
  if (plan.commandOffset + plan.commandCount * COMMAND_BYTES > plan.imageBytes) {
    throw badPlan("plan, commandOffset", "a program inside the image", plan.commandOffset);
  }
  if (plan.tablesOffset + plan.tablesBytes > plan.imageBytes) {
    throw badPlan("plan, tablesOffset", "tables inside the image", plan.tablesOffset);
  }
}

/**
 * Copies the sections to their offsets in `image` (zeros between them).
 * @throws {DeviceError} `bad-plan` for a section that is misaligned, overlaps or sticks out.
 */
export function placeSections(plan: RunPlan, sections: readonly ImageSection[], image: Uint8Array): void {
  image.fill(0);
  let free = 0;
  for (const { name, offset, bytes } of [...sections].sort((a, b) => a.offset - b.offset)) {
    if (!Number.isInteger(offset) || offset < 0 || offset % SECTION_ALIGNMENT !== 0) {
      throw badPlan(`section "${name}"`, `an offset that is a multiple of ${SECTION_ALIGNMENT}`, offset);
    }
    if (offset < free) throw badPlan(`section "${name}"`, `an offset of at least ${free}`, offset);
    free = offset + bytes.length;
    if (free > plan.imageBytes) throw badPlan(`section "${name}"`, `an end within ${plan.imageBytes}`, free);
    image.set(bytes, offset);
  }
}

/** @throws {OverlayError} `bad-command` */
export function readProgram(plan: RunPlan, image: Uint8Array): Command[] {
  const end = plan.commandOffset + plan.commandCount * COMMAND_BYTES;
  return unpackCommands(image.subarray(plan.commandOffset, end));
}
