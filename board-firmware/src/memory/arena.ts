/** One piece of physically contiguous memory, mapped into this process; what buffers are cut from. */
export interface ContiguousArena {
  readonly kind: "u-dma-buf" | "dma-heap";
  /** For errors: "/dev/udmabuf0". */
  readonly place: string;
  /** Physical address of the first byte. */
  readonly address: number;
  readonly bytes: Uint8Array;
  /** The fabric's port snoops the CPU's caches; the sync calls then do nothing. */
  readonly coherent: boolean;
  /** Writes the CPU's cache lines of a stretch back, so that the overlay sees them. Multiples of 64 bytes. */
  syncForDevice(offset: number, byteLength: number): void;
  /** Drops the CPU's cache lines of a stretch, so that the CPU sees what the overlay wrote. */
  syncForCpu(offset: number, byteLength: number): void;
  close(): void;
}

/** What the overlay's memory ports can reach. */
export interface MemoryReach {
  /** Address bits the overlay's DMA drives. */
  readonly addressBits: number;
  /** The ports snoop the CPU's caches. */
  readonly coherent: boolean;
}
