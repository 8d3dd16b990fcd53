/** Finds contiguous memory on the board: u-dma-buf, else a dma-heap where the overlay's ports are coherent. */
import { DeviceError } from "@sluice/sdk/errors.js";
import type { BoardFiles } from "../board-files/index.js";
import { memoryLeft } from "../telemetry/memory-left.js";
import type { ContiguousArena, MemoryReach } from "./arena.js";
import { checkArena } from "./check-arena.js";
import { ContiguousMemory } from "./contiguous-memory.js";
import { findHeap, openDmaHeap } from "./dma-heap.js";
import { listUdmabufs, openUdmabuf } from "./udmabuf.js";

const DEFAULT_HEAP_BYTES = 256 * 2 ** 20;

export interface MemoryOptions {
  /** u-dma-buf to use; default the largest. */
  readonly udmabuf?: string;
  /** Taken from a dma-heap, which has no size of its own. Default 256 MiB. */
  readonly heapBytes?: number;
}

/** @throws {DeviceError} `no-contiguous-memory`, and what check-arena.ts throws */
export function openContiguousMemory(
  files: BoardFiles,
  reach: MemoryReach,
  options: MemoryOptions = {},
): ContiguousMemory {
  const arena = openArena(files, options);
  try {
    checkArena(arena, reach);
  } catch (error) {
    arena.close();
    throw error;
  }
  return new ContiguousMemory(arena, () => describeLeft(files));
}

function openArena(files: BoardFiles, options: MemoryOptions): ContiguousArena {
  const nodes = listUdmabufs(files)
    .filter(({ name }) => options.udmabuf === undefined || options.udmabuf === name)
    .sort((a, b) => b.bytes - a.bytes);
  if (nodes.length > 0) return openUdmabuf(files, nodes[0]);
  const heap = options.udmabuf === undefined ? findHeap(files) : undefined;
  if (heap) return openDmaHeap(files, heap, options.heapBytes ?? DEFAULT_HEAP_BYTES);
  const left = describeLeft(files);
  throw new DeviceError("no-contiguous-memory", "There is no contiguous memory for the overlay.", {
    place: "/dev/udmabuf*, /dev/dma_heap/*",
    expected: options.udmabuf ?? "a u-dma-buf device",
    found: `none${left && `; ${left}`}`,
    hint: "Type `sudo modprobe u-dma-buf udmabuf0=268435456`; if that fails for want of memory, boot with cma=512M.",
  });
}

function describeLeft(files: BoardFiles): string {
  const { cmaFreeBytes, cmaTotalBytes } = memoryLeft(files);
  if (cmaFreeBytes === undefined || cmaTotalBytes === undefined) return "";
  const exhausted = cmaFreeBytes < cmaTotalBytes / 16 ? ", exhausted" : "";
  return `CMA ${(cmaFreeBytes / 2 ** 20).toFixed(0)} of ${(cmaTotalBytes / 2 ** 20).toFixed(0)} MiB free${exhausted}`;
}
