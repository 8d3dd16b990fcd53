/**
 * The other side of a KV260 tree: the functional model of the overlay behind the register page of /dev/mem, the memory
 * of /dev/udmabuf0, and a UIO interrupt on a pseudo-terminal. It runs between turns of the event loop, as the fabric runs
 * beside the CPU.
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { OverlayEmulator } from "@sluice/bitstreams/emulator";
import type { RegisterWindow } from "@sluice/board-firmware/board-files";
import { mapShared } from "@sluice/board-firmware/board-files/native.js";
import { type Kv260Tree, REGISTER_BASE } from "@sluice/board-firmware/testing/kv260-tree.js";
import { type OverlayGeometry, registers } from "@sluice/sdk/overlay";
import koffi from "koffi";

const shown = Object.values(registers).filter(({ access }) => access !== "wo");

/** A UIO node: the slave end is the node's path, the master end the kernel's side. */
export class InterruptNode {
  readonly path: string;
  readonly #master: number;
  readonly #slave: number;
  #armed = false;
  #count = 0;

  constructor() {
    const libc = koffi.load("libc.so.6");
    this.#master = libc.func("int posix_openpt(int)")(
      constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK,
    );
    libc.func("int grantpt(int)")(this.#master);
    libc.func("int unlockpt(int)")(this.#master);
    this.path = libc.func("const char *ptsname(int)")(this.#master);
    this.#slave = openSync(this.path, constants.O_RDWR | constants.O_NOCTTY);
    execFileSync("stty", ["-F", this.path, "raw", "-echo"]);
  }

  /** Whether the reader has written its 1 since the last interrupt. */
  get armed(): boolean {
    const words = Buffer.alloc(64);
    try {
      if (readSync(this.#master, words) > 0) this.#armed = true;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
    return this.#armed;
  }

  raise(): void {
    this.#armed = false;
    this.#count += 1;
    const count = Buffer.alloc(4);
    count.writeUInt32LE(this.#count);
    writeSync(this.#master, count);
  }

  close(): void {
    closeSync(this.#slave);
    closeSync(this.#master);
  }
}

export interface Fabric {
  /** Interrupts are lost while this is false. Default true. */
  interrupts: boolean;
  /** A word was stored at this offset of the register page. */
  wrote(offset: number): void;
  stop(): void;
}

/** Registers whose stores the fabric sees at once, as on the real bus; loads and stores are those of the mapping. */
export function busTo(fabric: () => Fabric | undefined): (mapped: RegisterWindow) => RegisterWindow {
  return (mapped) => ({
    read: (offset) => mapped.read(offset),
    write(offset, value) {
      mapped.write(offset, value);
      fabric()?.wrote(offset);
    },
    close: () => mapped.close(),
  });
}

/** @param memoryAddress phys_addr of the tree's u-dma-buf */
export function startFabric(
  tree: Kv260Tree,
  geometry: OverlayGeometry,
  interrupt: InterruptNode,
  memory: { readonly address: number; readonly bytes: number },
): Fabric {
  const map = (path: string, bytes: number, offset: number) => {
    const descriptor = openSync(tree.files.locate(path), "r+");
    try {
      return mapShared(descriptor, bytes, offset, path);
    } finally {
      closeSync(descriptor);
    }
  };
  const page = map("/dev/mem", 4096, REGISTER_BASE);
  const ddr = map("/dev/udmabuf0", memory.bytes, 0);
  const words = new Uint32Array(page.buffer);
  const bytes = new Uint8Array(ddr.buffer);
  const emulator = new OverlayEmulator({
    geometry,
    memory: {
      span(address, byteLength) {
        const offset = address - memory.address;
        return offset < 0 || offset + byteLength > bytes.length
          ? undefined
          : bytes.subarray(offset, offset + byteLength);
      },
    },
  });
  const show = (): void => {
    for (const { offset } of shown) words[offset / 4] = emulator.readRegister(offset);
  };
  let raised = false;
  let turn: NodeJS.Immediate | undefined;
  emulator.onInterrupt = () => {
    raised = true;
  };
  const fabric = { interrupts: true, wrote, stop };
  /** What a store on the bus does at once; the run it may start goes on between turns of the event loop. */
  function wrote(offset: number): void {
    emulator.writeRegister(offset, words[offset / 4]);
    show();
  }
  function work(): void {
    if (emulator.busy) {
      emulator.step();
      show();
    }
    if (raised && fabric.interrupts && interrupt.armed) {
      raised = false;
      interrupt.raise();
    }
    turn = setImmediate(work);
  }
  function stop(): void {
    clearImmediate(turn);
    page.unmap();
    ddr.unmap();
  }
  show();
  turn = setImmediate(work);
  return fabric;
}
