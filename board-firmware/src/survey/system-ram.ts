/** What the kernel takes for memory, by /proc/iomem; all zeros for a user who may not see addresses. */
import type { BoardFiles } from "../board-files/index.js";

export interface AddressSpan {
  readonly start: number;
  /** Of the last byte. */
  readonly end: number;
}

export function systemRam(files: BoardFiles): AddressSpan[] {
  const lines = files.readText("/proc/iomem").matchAll(/^([0-9a-f]+)-([0-9a-f]+) : System RAM$/gm);
  return [...lines].map(([, start, end]) => ({
    start: Number.parseInt(start, 16),
    end: Number.parseInt(end, 16),
  }));
}
