/**
 * The Verilated overlay behind the interface of a real one: the RTL itself, clock by clock, with a model of DDR on its
 * AXI ports. It runs in this process, in slices of a few milliseconds between which the event loop gets its turn.
 *
 *   const device = new RtlDevice();                        // kv260Geometry; `npm run build:rtl` builds the library
 *   const driver = new OverlayDriver(device);
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DeviceError } from "@sluice/sdk/errors.js";
import { control, kv260Geometry, type OverlayGeometry, registers, status } from "@sluice/sdk/overlay";
import { EmulatedDdr, FIRST_ADDRESS } from "./ddr.js";
import { checkRegisterOffset, InterruptLine } from "./interrupt-line.js";
import type { DeviceBuffer, OverlayDevice } from "./overlay-device.js";
import { loadRtlLibrary, type RtlLibrary } from "./rtl-library.js";

/** How the simulated DDR behaves; cycles are the overlay's. */
export interface RtlMemoryModel {
  /** Cycles from an accepted read address to its first beat. Default 60. */
  readonly latency?: number;
  /** Up to this many more, at random. Default 0. */
  readonly jitter?: number;
  /** Chance in 1,024 that a channel holds back in a cycle. Default 0. */
  readonly busyPer1024?: number;
  /** Beats a read port moves in 1,024 cycles at most. Default 1,024. */
  readonly beatsPer1024?: number;
}

export interface RtlDeviceOptions {
  /** Default kv260Geometry. */
  readonly geometry?: OverlayGeometry;
  /** DDR of the simulation in bytes; pages are taken when touched. Default 256 MiB. */
  readonly memoryBytes?: number;
  readonly memory?: RtlMemoryModel;
  /** Seed of the random stalls. Default 1. */
  readonly seed?: number;
  /** Path of the Verilated library. Default bitstreams/build/<geometry>/libsluice.so. */
  readonly library?: string;
  /** Wall-clock milliseconds a run may keep the event loop at a time. Default 10. */
  readonly turnMs?: number;
}

const DEFAULT_MEMORY_BYTES = 256 * 2 ** 20;
/** Cycles between two looks at the clock. */
const SLICE_CYCLES = 512;
/** 250 MHz against about 100,000 simulated cycles a second, on a machine that is busy with other things. */
const SLOWDOWN = 10_000;

/**
 * Where build-rtl.mjs puts the library of a geometry. `variant`, by default SLUICE_RTL_BUILD, names another build than the
 * plain one: `assert`, `coverage` or `inflate`.
 */
export function rtlLibraryPath(geometry: OverlayGeometry, variant = process.env.SLUICE_RTL_BUILD): string {
  const manifest = import.meta.resolve("@sluice/bitstreams/package.json");
  const folder = variant ? `${geometry.id}-${variant}` : geometry.id;
  return fileURLToPath(new URL(`build/${folder}/libsluice.so`, manifest));
}

export class RtlDevice implements OverlayDevice {
  readonly kind = "rtl";
  readonly geometry: OverlayGeometry;
  readonly slowdown = SLOWDOWN;
  readonly #library: RtlLibrary;
  readonly #simulation: unknown;
  readonly #ddr: EmulatedDdr;
  readonly #turnMs: number;
  readonly #line = new InterruptLine();
  #turn?: NodeJS.Immediate;

  /** @throws {DeviceError} `rtl-not-built` */
  constructor(options: RtlDeviceOptions = {}) {
    this.geometry = options.geometry ?? kv260Geometry;
    this.#turnMs = options.turnMs ?? 10;
    const path = options.library ?? rtlLibraryPath(this.geometry);
    if (!existsSync(path)) {
      throw new DeviceError("rtl-not-built", "The simulated overlay has not been built.", {
        place: path,
        hint: "Install Verilator (Debian, Ubuntu: sudo apt-get install verilator) and run `npm run build:rtl`.",
      });
    }
    this.#library = loadRtlLibrary(path);
    const byteLength = options.memoryBytes ?? DEFAULT_MEMORY_BYTES;
    this.#simulation = this.#library.open(FIRST_ADDRESS, byteLength, options.seed ?? 1);
    const { latency = 60, jitter = 0, busyPer1024 = 0, beatsPer1024 = 1024 } = options.memory ?? {};
    this.#library.model(this.#simulation, latency, jitter, busyPer1024, beatsPer1024);
    this.#ddr = new EmulatedDdr({
      byteLength,
      checkOwnership: false,
      storage: this.#library.memory(this.#simulation, byteLength),
    });
  }

  get freeBytes(): number {
    return this.#ddr.freeBytes;
  }

  readRegister(offset: number): number {
    this.#checkAccess(offset);
    return this.#library.read(this.#simulation, offset);
  }

  writeRegister(offset: number, value: number): void {
    this.#checkAccess(offset);
    this.#library.write(this.#simulation, offset, value >>> 0);
    if (offset === registers.CONTROL.offset && value & (control.START | control.ABORT)) this.#scheduleTurn();
  }

  allocate(byteLength: number, alignment: number): DeviceBuffer {
    this.#line.checkOpen();
    const buffer = this.#ddr.allocate(byteLength, alignment);
    const address = Number(buffer.address);
    this.#library.map(this.#simulation, address, byteLength);
    return {
      ...buffer,
      free: () => {
        this.#library.unmap(this.#simulation, address);
        buffer.free();
      },
    };
  }

  waitForInterrupt(deadlineMs: number): Promise<void> {
    return this.#line.wait(deadlineMs, () => this.#interrupted());
  }

  async close(): Promise<void> {
    if (this.#line.closed) return;
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#line.close();
    this.#library.close(this.#simulation);
  }

  /** Runs the clock without anything else happening; for tests of the idle overlay. */
  runCycles(cycles: number): void {
    this.#line.checkOpen();
    this.#library.run(this.#simulation, cycles);
  }

  /** The first violation of the AXI rules since the device was opened, or an empty string. */
  get violation(): string {
    return this.#library.violation(this.#simulation);
  }

  /** Beats the weight port (0) or the data port (1) has read since the device was opened. */
  beats(port: 0 | 1): number {
    return this.#library.beats(this.#simulation, port);
  }

  #interrupted(): boolean {
    return (this.#library.read(this.#simulation, registers.IRQ_STATUS.offset) & 1) === 1;
  }

  #busy(): boolean {
    return (this.#library.read(this.#simulation, registers.STATUS.offset) & status.BUSY) !== 0;
  }

  #scheduleTurn(): void {
    if (this.#turn !== undefined) return;
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      const end = performance.now() + this.#turnMs;
      let busy = true;
      while (busy && performance.now() < end) {
        this.#library.run(this.#simulation, SLICE_CYCLES);
        busy = this.#busy();
      }
      if (busy && !this.#line.closed) this.#scheduleTurn();
      if (!busy && this.#interrupted()) this.#line.rise();
    });
  }

  #checkAccess(offset: number): void {
    this.#line.checkOpen();
    checkRegisterOffset(offset);
  }
}
