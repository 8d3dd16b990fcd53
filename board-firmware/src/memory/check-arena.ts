/** Is a piece of memory one the overlay can use, and will its cache maintenance work? */
import { DeviceError } from "@sluice/sdk/errors.js";
import type { ContiguousArena, MemoryReach } from "./arena.js";

const LOW_DDR_END = 0x8000_0000;
const HIGH_DDR = { start: 0x8_0000_0000, end: 0x8_8000_0000 };

/** @throws {DeviceError} `dma-unreachable`, `not-ddr`, `coherency-mismatch` */
export function checkArena(arena: ContiguousArena, reach: MemoryReach): void {
  const { address, place } = arena;
  const end = address + arena.bytes.length;
  const found = `0x${address.toString(16)}..0x${(end - 1).toString(16)}`;
  const low = end <= LOW_DDR_END;
  if (!low && (address < HIGH_DDR.start || end > HIGH_DDR.end)) {
    throw new DeviceError("not-ddr", "The contiguous memory does not lie in the board's DDR.", {
      place,
      expected: "0x0..0x7fffffff or 0x800000000..0x87fffffff",
      found,
      hint: "Reload the u-dma-buf module; its phys_addr makes no sense on a KV260.",
    });
  }
  if (!low && reach.addressBits <= 32) {
    throw new DeviceError(
      "dma-unreachable",
      "The contiguous memory lies where the overlay's DMA cannot see.",
      {
        place,
        expected: "an end within the low 2 GB, 0x7fffffff: the overlay's DMA drives 32 address bits",
        found,
        hint: "Reserve it low: a reserved-memory node below 0x80000000, or cma=512M@0x40000000 at boot.",
      },
    );
  }
  if (arena.coherent && !reach.coherent) {
    throw new DeviceError(
      "coherency-mismatch",
      "The kernel takes this memory for coherent, but the overlay's ports do not snoop.",
      {
        place,
        expected: "dma_coherent 0: the kernel then maintains the caches",
        found: "dma_coherent 1",
        hint: "Remove dma-coherent from the u-dma-buf node; results would come from stale cache lines.",
      },
    );
  }
  if (arena.kind === "dma-heap" && !reach.coherent) {
    throw new DeviceError(
      "coherency-mismatch",
      "Memory of a dma-heap has no cache maintenance for a device the kernel does not know.",
      {
        place,
        expected: "u-dma-buf, or an overlay on the coherent HPC ports",
        found: "dma-heap with ports that do not snoop",
        hint: "Install u-dma-buf: `sudo modprobe u-dma-buf udmabuf0=268435456`.",
      },
    );
  }
}
