/** Faults of the board's disk and power, at the one place where an upload reaches the disk. */
import { fstatSync, ftruncateSync, writeSync } from "node:fs";
import type { StoreFaults } from "../store/index.js";
import type { FaultPlan } from "./fault-plan.js";

/** What a file system that writes late still owes the disk: whole pages, which read as zeros after power comes back. */
const UNWRITTEN_BYTES = 4_096;

export function storeFaults(plan: FaultPlan): StoreFaults {
  return {
    beforeWrite(descriptor, piece, position) {
      if (plan.strike("disk-full")) {
        throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      }
      if (!plan.strike("brown-out")) return;
      // Half of the piece is in the file's length already, its last page is not on the disk.
      writeSync(descriptor, piece, 0, piece.length >> 1, position);
      const { size } = fstatSync(descriptor);
      const kept = Math.max(0, size - UNWRITTEN_BYTES);
      ftruncateSync(descriptor, kept);
      ftruncateSync(descriptor, size);
      plan.die();
    },
  };
}
