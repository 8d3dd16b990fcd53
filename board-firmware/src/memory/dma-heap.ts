/**
 * Contiguous memory of /dev/dma_heap. The heap gives no physical address, so it is read from /proc/self/pagemap (as
 * root) and every page is checked to follow the one before. Without a driver attached the kernel maintains no caches
 * for it: only an overlay on coherent ports may use it (check-arena.ts).
 */
import { closeSync, constants, readSync } from "node:fs";
import { DeviceError } from "@sluice/sdk/errors.js";
import type { BoardFiles } from "../board-files/index.js";
import { ioctl, type Mapping, mapShared, PAGE_BYTES } from "../board-files/native.js";
import type { ContiguousArena } from "./arena.js";

const HEAPS = "/dev/dma_heap";
/** Contiguous heaps first; "system" is never contiguous. */
const PREFERRED = ["reserved", "linux,cma", "default_cma_region", "cma"];
const DMA_HEAP_IOCTL_ALLOC = 0xc018_4800;
const DMA_BUF_IOCTL_SYNC = 0x4008_6200;
const SYNC_READ_WRITE = 0b11n;
const SYNC_END = 0b100n;
const PAGE_PRESENT = 1n << 63n;
const FRAME_MASK = (1n << 55n) - 1n;

/** What the kernel does for a heap; one object, so that the sequence can be followed where no heap exists. */
export interface HeapCalls {
  /** @returns the descriptor of the new dma-buf, or minus the errno */
  allocate(heap: number, bytes: number): number;
  /** @returns 0 or the errno */
  sync(buffer: number, flags: bigint): number;
}

const kernelCalls: HeapCalls = {
  allocate(heap, bytes) {
    const request = new Uint8Array(24);
    const view = new DataView(request.buffer);
    view.setBigUint64(0, BigInt(bytes), true);
    view.setUint32(12, constants.O_RDWR | 0o2000000, true); // O_CLOEXEC
    const errno = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, request);
    return errno === 0 ? view.getUint32(8, true) : -errno;
  },
  sync(buffer, flags) {
    const request = new Uint8Array(8);
    new DataView(request.buffer).setBigUint64(0, flags, true);
    return ioctl(buffer, DMA_BUF_IOCTL_SYNC, request);
  },
};

export function findHeap(files: BoardFiles): string | undefined {
  const name = PREFERRED.find((candidate) => files.exists(`${HEAPS}/${candidate}`));
  return name && `${HEAPS}/${name}`;
}

/** @throws {DeviceError} `out-of-memory`, `not-contiguous`, `no-physical-address` */
export function openDmaHeap(
  files: BoardFiles,
  path: string,
  byteLength: number,
  calls: HeapCalls = kernelCalls,
): ContiguousArena {
  const bytes = Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES;
  const heap = files.open(path, constants.O_RDWR);
  let buffer: number;
  try {
    buffer = calls.allocate(heap, bytes);
  } finally {
    closeSync(heap);
  }
  if (buffer < 0) {
    throw new DeviceError("out-of-memory", "The contiguous heap cannot give that much memory.", {
      place: path,
      expected: `${bytes} bytes in one piece`,
      found: `errno ${-buffer}`,
      hint: "Raise the heap with the boot argument cma=512M, or stop what else uses it (displays, cameras).",
    });
  }
  let mapping: Mapping | undefined;
  try {
    mapping = mapShared(buffer, bytes, 0, path);
    const view = new Uint8Array(mapping.buffer);
    // Touching every page puts it into the page table that pagemap shows.
    for (let at = 0; at < bytes; at += PAGE_BYTES) view[at] = 0;
    const address = physicalAddress(files, mapping.address, bytes, path);
    const sync = (flags: bigint): void => {
      const errno = calls.sync(buffer, flags);
      if (errno === 0) return;
      throw new DeviceError("cache-sync", "The kernel refused cache maintenance.", {
        place: path,
        expected: "DMA_BUF_IOCTL_SYNC to succeed",
        found: `errno ${errno}`,
        hint: "Use u-dma-buf instead.",
      });
    };
    const mapped = mapping;
    return {
      kind: "dma-heap",
      place: path,
      address,
      bytes: view,
      coherent: true,
      syncForDevice: () => sync(SYNC_END | SYNC_READ_WRITE),
      syncForCpu: () => sync(SYNC_READ_WRITE),
      close() {
        mapped.blank();
        closeSync(buffer);
      },
    };
  } catch (error) {
    mapping?.unmap();
    closeSync(buffer);
    throw error;
  }
}

function physicalAddress(files: BoardFiles, address: bigint, bytes: number, place: string): number {
  const pages = bytes / PAGE_BYTES;
  const entries = Buffer.alloc(pages * 8);
  const pagemap = files.open("/proc/self/pagemap", constants.O_RDONLY);
  try {
    readSync(pagemap, entries, 0, entries.length, (address / BigInt(PAGE_BYTES)) * 8n);
  } finally {
    closeSync(pagemap);
  }
  const frame = (page: number): bigint => entries.readBigUInt64LE(page * 8) & FRAME_MASK;
  const first = frame(0);
  if (first === 0n || (entries.readBigUInt64LE(0) & PAGE_PRESENT) === 0n) {
    throw new DeviceError("no-physical-address", "The kernel does not tell where the memory lies.", {
      place: "/proc/self/pagemap",
      expected: "page frame numbers",
      found: "zeros",
      hint: "Run as root (CAP_SYS_ADMIN), or use u-dma-buf, which says so itself.",
    });
  }
  for (let page = 1; page < pages; page += 1) {
    if (frame(page) === first + BigInt(page)) continue;
    throw new DeviceError("not-contiguous", "The heap gave memory in several pieces.", {
      place,
      expected: `page ${page} right behind page ${page - 1}`,
      found: `frame 0x${frame(page).toString(16)} after 0x${frame(page - 1).toString(16)}`,
      hint: "Use a CMA heap, not the system heap.",
    });
  }
  return Number(first) * PAGE_BYTES;
}
