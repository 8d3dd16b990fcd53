/**
 * The unsafe part: memory mappings, ioctl and poll through libc. Nothing else in the runtime handles a raw pointer.
 * What leaves this file is an ArrayBuffer over a mapping. `unmap` is for an owner who hands out no views; after `blank`
 * the same addresses hold private zero pages, so that a view somebody kept reads zeros instead of ending the process.
 */
import { LoaderError } from "@sluice/sdk/errors.js";
import koffi from "koffi";

const PROT_READ_WRITE = 0x1 | 0x2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE_FIXED_ANONYMOUS = 0x02 | 0x10 | 0x20;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
export const PAGE_BYTES = 4096;

type Mmap = (
  at: bigint | null,
  bytes: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
) => bigint;
type Munmap = (at: bigint, bytes: number) => number;
type Ioctl = (descriptor: number, request: number, argument: Uint8Array) => number;

interface Libc {
  readonly mmap: Mmap;
  readonly munmap: Munmap;
  readonly ioctl: Ioctl;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded) return loaded;
  try {
    const library = koffi.load("libc.so.6");
    loaded = {
      mmap: library.func("void *mmap(void *at, size_t bytes, int prot, int flags, int fd, int64_t offset)"),
      munmap: library.func("int munmap(void *at, size_t bytes)"),
      ioctl: library.func("int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)"),
    };
    return loaded;
  } catch (cause) {
    throw new LoaderError("no-libc", "The C library this runtime maps memory with cannot be loaded.", {
      place: "libc.so.6",
      expected: "a Linux with glibc",
      found: `${process.platform} ${process.arch}`,
      hint: "Run the kv260 device on the board's own Linux.",
      cause,
    });
  }
}

export interface Mapping {
  readonly buffer: ArrayBuffer;
  /** Virtual address, for reading /proc/self/pagemap. */
  readonly address: bigint;
  unmap(): void;
  blank(): void;
}

/**
 * Maps `bytes` (a multiple of the page) of an open file, shared, from `offset` (page aligned).
 *
 * @throws {LoaderError} `map-failed`
 */
export function mapShared(descriptor: number, bytes: number, offset: number, place: string): Mapping {
  const { mmap, munmap } = libc();
  const address = mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, descriptor, offset);
  if (address === MAP_FAILED) {
    throw new LoaderError("map-failed", "The kernel refused to map memory.", {
      place: `${place} at 0x${offset.toString(16)}`,
      expected: `${bytes} bytes`,
      found: `errno ${koffi.errno()}`,
      hint: "Run as root; a kernel with strict /dev/mem checks wants the UIO node of the overlay instead.",
    });
  }
  let mapped = true;
  const release = (how: () => void): void => {
    if (mapped) how();
    mapped = false;
  };
  return {
    buffer: koffi.view(address, bytes),
    address,
    unmap: () => release(() => munmap(address, bytes)),
    blank: () => release(() => mmap(address, bytes, PROT_READ_WRITE, MAP_PRIVATE_FIXED_ANONYMOUS, -1, 0)),
  };
}

/** @returns 0, or the errno */
export function ioctl(descriptor: number, request: number, argument: Uint8Array): number {
  return libc().ioctl(descriptor, request, argument) < 0 ? koffi.errno() : 0;
}

/** Calls back once when a read would not wait; `stop` ends the watch. */
export function whenReadable(descriptor: number, callback: () => void): { stop(): void } {
  let open = true;
  const stop = (): void => {
    if (!open) return;
    open = false;
    handle.close();
  };
  const handle = koffi.node.poll(descriptor, { readable: true }, () => {
    if (!open) return;
    stop();
    callback();
  });
  return { stop };
}
