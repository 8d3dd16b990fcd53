/** DDR ranges of LOAD and STORE. */
import { type LoadCommand, regionCodes, type StoreCommand } from "@sluice/sdk/overlay";
import { OverlayFault, requireCommand } from "../fault.js";
import type { EmulatorMemory } from "../memory.js";
import type { FrameBases } from "./command-context.js";

const ALIGNMENT = 16;

export function checkRegion(command: LoadCommand | StoreCommand): void {
  requireCommand(command.region <= regionCodes.scratch, "the region is not defined");
  requireCommand(command.offset % ALIGNMENT === 0, "the region offset is not aligned");
}

/** @throws {OverlayFault} MEMORY */
export function regionBytes(
  command: LoadCommand | StoreCommand,
  byteLength: number,
  frame: FrameBases,
  memory: EmulatorMemory,
): Uint8Array {
  const bases = [frame.input, frame.output, frame.scratch];
  const address = bases[command.region] + command.offset;
  const bytes = memory.span(address, byteLength);
  if (bytes) return bytes;
  throw new OverlayFault("MEMORY", `${byteLength} bytes at 0x${address.toString(16)} are not memory`);
}
