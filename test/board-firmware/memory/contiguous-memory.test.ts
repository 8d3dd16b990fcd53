/** Contiguous memory: addresses, owners, poison, cache maintenance, and memory the overlay must not be given. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import {
  checkArena,
  type HeapCalls,
  listUdmabufs,
  openContiguousMemory,
  openDmaHeap,
} from "@sluice/board-firmware/memory";
import {
  type Kv260Tree,
  makeKv260Tree,
  type TreeOptions,
} from "@sluice/board-firmware/testing/kv260-tree.js";
import { afterEach, describe, expect, it } from "vitest";

const reach = { addressBits: 32, coherent: false };
const trees: Kv260Tree[] = [];
const tree = (options: TreeOptions = {}): Kv260Tree => {
  trees.push(makeKv260Tree(options));
  return trees[trees.length - 1];
};
afterEach(() => {
  for (const made of trees.splice(0)) made.cleanup();
});

describe("u-dma-buf", () => {
  it("hands out aligned physical addresses and gives everything back", () => {
    const memory = openContiguousMemory(tree().files, reach);
    const buffers = [100, 4096, 7].map((bytes) => memory.allocate(bytes, 4096));
    expect(buffers.map(({ address }) => address)).toEqual([0x7000_0000n, 0x7000_1000n, 0x7000_2000n]);
    // Whole cache lines: 100 bytes take two, 7 take one.
    expect(memory.freeBytes).toBe(2 ** 22 - 128 - 4096 - 64);
    for (const buffer of buffers) buffer.free();
    expect(memory.freeBytes).toBe(2 ** 22);
    memory.close();
  });

  it("names offset and size in one word to the kernel's cache maintenance", () => {
    const made = tree();
    const memory = openContiguousMemory(made.files, reach);
    memory.allocate(64, 64);
    const buffer = memory.allocate(1000, 4096);
    buffer.toDevice();
    expect(made.text("/sys/class/u-dma-buf/udmabuf0/sync_for_device")).toBe("0x0000100000000401");
    buffer.bytes.fill(1);
    buffer.toHost();
    expect(made.text("/sys/class/u-dma-buf/udmabuf0/sync_for_cpu")).toBe("0x0000100000000401");
    memory.close();
  });

  it("catches a buffer that nobody wrote, and not one that either side wrote", () => {
    const made = tree();
    const memory = openContiguousMemory(made.files, reach);
    const buffer = memory.allocate(100_000, 64);
    buffer.toHost(); // never given away: nothing to complain about
    buffer.toDevice();
    expect(() => buffer.toHost()).toThrow(expect.objectContaining({ code: "unwritten-buffer" }));
    buffer.toDevice();
    const descriptor = openSync(made.files.locate("/dev/udmabuf0"), "r+");
    writeFileSync(descriptor, Uint8Array.of(1)); // the overlay writes one byte
    closeSync(descriptor);
    buffer.toHost();
    expect(buffer.bytes[0]).toBe(1);
    memory.close();
  });

  it("refuses use after free and impossible requests", () => {
    const memory = openContiguousMemory(tree().files, reach);
    const buffer = memory.allocate(64, 64);
    buffer.free();
    buffer.free();
    expect(() => buffer.toDevice()).toThrow(expect.objectContaining({ code: "use-after-free" }));
    for (const [bytes, alignment] of [
      [0, 64],
      [1.5, 64],
      [64, 48],
    ]) {
      expect(() => memory.allocate(bytes, alignment)).toThrow(
        expect.objectContaining({ code: "bad-allocation" }),
      );
    }
    expect(() => memory.allocate(2 ** 23, 64)).toThrow(
      expect.objectContaining({
        code: "out-of-memory",
        place: "/dev/udmabuf0",
        found: "8.0 MiB; CMA 880 of 1000 MiB free",
      }),
    );
    memory.close();
  });

  it.each<[string, TreeOptions["udmabuf"], string]>([
    ["in high DDR with a 32-bit DMA", { address: "0x0000000810000000" }, "dma-unreachable"],
    ["across the 2 GB line", { address: "0x000000007fe00000" }, "not-ddr"],
    ["outside DDR", { address: "0x00000000a0000000" }, "not-ddr"],
    ["that the kernel takes for coherent", { coherent: true }, "coherency-mismatch"],
    ["without a size", { bytes: 0 }, "bad-udmabuf"],
  ])("refuses memory %s", (_, udmabuf, code) => {
    expect(() => openContiguousMemory(tree({ udmabuf }).files, reach)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it("takes high DDR when the DMA drives enough address bits", () => {
    const made = tree({ udmabuf: { address: "0x0000000810000000" } });
    const memory = openContiguousMemory(made.files, { addressBits: 40, coherent: false });
    expect(memory.allocate(64, 64).address).toBe(0x8_1000_0000n);
    memory.close();
  });

  it("says what to type when there is none, and reads the other module's class too", () => {
    expect(() => openContiguousMemory(tree({ udmabuf: false }).files, reach)).toThrow(
      expect.objectContaining({
        code: "no-contiguous-memory",
        hint: expect.stringContaining("modprobe u-dma-buf"),
      }),
    );
    const made = tree({ udmabuf: false });
    made.put("/sys/class/udmabuf/udmabuf3/phys_addr", "0x60000000\n");
    made.put("/sys/class/udmabuf/udmabuf3/size", "4096\n");
    expect(listUdmabufs(made.files)).toMatchObject([{ name: "udmabuf3", address: 0x6000_0000, bytes: 4096 }]);
  });
});

describe("dma-heap", () => {
  const HEAP = "/dev/dma_heap/linux,cma";

  /** A heap whose memory is a file, and a page table that says where the kernel put it. */
  function withHeap(frameOf: (page: number) => bigint) {
    const made = tree({ udmabuf: false });
    made.put(HEAP, "");
    made.put("/dev/buffer", "");
    made.put("/proc/self/pagemap", "");
    const flags: bigint[] = [];
    const calls: HeapCalls = {
      allocate(_heap, bytes) {
        const descriptor = openSync(made.files.locate("/dev/buffer"), "r+");
        ftruncateSync(descriptor, bytes);
        return descriptor;
      },
      sync(_buffer, value) {
        flags.push(value);
        return 0;
      },
    };
    const open = made.files.open.bind(made.files);
    made.files.open = (path, mode) => {
      if (path === "/proc/self/pagemap") writePageTable(made, frameOf);
      return open(path, mode);
    };
    return { made, calls, flags };
  }

  function writePageTable(made: Kv260Tree, frameOf: (page: number) => bigint): void {
    const maps = readFileSync("/proc/self/maps", "utf8");
    const line = maps.split("\n").find((entry) => entry.endsWith(made.files.locate("/dev/buffer")));
    const start = BigInt(`0x${line?.split("-", 1)[0]}`);
    const entries = Buffer.alloc(4 * 8);
    for (let page = 0; page < 4; page += 1) entries.writeBigUInt64LE((1n << 63n) | frameOf(page), page * 8);
    const table = openSync(made.files.locate("/proc/self/pagemap"), "r+");
    writeSync(table, entries, 0, entries.length, Number((start / 4096n) * 8n));
    closeSync(table);
  }

  it("reads the physical address from the page table and brackets the CPU's accesses", () => {
    const { made, calls, flags } = withHeap((page) => 0x6_0000n + BigInt(page));
    const arena = openDmaHeap(made.files, HEAP, 4 * 4096, calls);
    expect(arena).toMatchObject({ kind: "dma-heap", address: 0x6000_0000 });
    arena.syncForDevice(0, 64);
    arena.syncForCpu(0, 64);
    expect(flags).toEqual([0b111n, 0b011n]);
    expect(() => checkArena(arena, { addressBits: 32, coherent: true })).not.toThrow();
    // Nothing maintains the caches of heap memory for ports that do not snoop.
    expect(() => checkArena(arena, reach)).toThrow(expect.objectContaining({ code: "coherency-mismatch" }));
    arena.close();
  });

  it("refuses memory in pieces, and page tables that tell nothing", () => {
    const pieces = withHeap((page) => (page === 2 ? 0x9_0000n : 0x6_0000n + BigInt(page)));
    expect(() => openDmaHeap(pieces.made.files, HEAP, 4 * 4096, pieces.calls)).toThrow(
      expect.objectContaining({ code: "not-contiguous", expected: "page 2 right behind page 1" }),
    );
    const silent = withHeap(() => 0n);
    expect(() => openDmaHeap(silent.made.files, HEAP, 4096, silent.calls)).toThrow(
      expect.objectContaining({ code: "no-physical-address", hint: expect.stringContaining("root") }),
    );
  });

  it("reports an exhausted heap, and a node that is none", () => {
    const { made, calls } = withHeap(() => 0n);
    const exhausted = { ...calls, allocate: () => -12 };
    expect(() => openDmaHeap(made.files, HEAP, 4096, exhausted)).toThrow(
      expect.objectContaining({
        code: "out-of-memory",
        found: "errno 12",
        hint: expect.stringContaining("cma="),
      }),
    );
    // The real ioctl, on a regular file: ENOTTY.
    expect(() => openContiguousMemory(made.files, reach)).toThrow(
      expect.objectContaining({ code: "out-of-memory", place: HEAP, found: "errno 25" }),
    );
  });
});
