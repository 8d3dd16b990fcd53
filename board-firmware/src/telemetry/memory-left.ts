/** Memory the board has left, from /proc/meminfo. */
import type { BoardFiles } from "../board-files/index.js";

export interface MemoryLeft {
  readonly availableBytes?: number;
  readonly cmaTotalBytes?: number;
  readonly cmaFreeBytes?: number;
}

const KIBIBYTE = 1024;

/** What /proc/meminfo does not list stays undefined. */
export function memoryLeft(files: BoardFiles): MemoryLeft {
  const path = "/proc/meminfo";
  const text = files.exists(path) ? files.readText(path) : "";
  const field = (name: string): number | undefined => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text);
    return match ? Number(match[1]) * KIBIBYTE : undefined;
  };
  return {
    availableBytes: field("MemAvailable"),
    cmaTotalBytes: field("CmaTotal"),
    cmaFreeBytes: field("CmaFree"),
  };
}
