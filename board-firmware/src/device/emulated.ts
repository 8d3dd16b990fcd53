/**
 * The emulated board: the functional model behind the interface of a real one. It runs in this process, in slices of a
 * few milliseconds between which the event loop gets its turn.
 *
 *   const device = new EmulatedDevice();                  // kv260Geometry, 256 MiB
 *   const driver = new OverlayDriver(device);
 */
import { type EmulatorOptions, OverlayEmulator } from "@sluice/bitstreams/emulator";
import { kv260Geometry, type OverlayGeometry, registers } from "@sluice/sdk/overlay";
import { type CacheHook, EmulatedDdr } from "./ddr.js";
import { checkRegisterOffset, InterruptLine } from "./interrupt-line.js";
import type { DeviceBuffer, OverlayDevice } from "./overlay-device.js";

/** Places where a test or a twin that fails on purpose may interfere. All unset by default. */
export interface EmulatedFaults {
  /** Before a register write takes effect; `false` drops it. */
  readonly onWrite?: (offset: number, value: number) => boolean;
  /** Sees every register value before the driver does. */
  readonly onRead?: (offset: number, value: number) => number;
  /** Before each slice of a run; `false` makes no progress (a stalled DMA). */
  readonly onSlice?: () => boolean;
  /** When the interrupt line rises; `false` loses the interrupt. */
  readonly onInterrupt?: () => boolean;
  /** Before memory is handed out; `false` answers that there is none left. */
  readonly onAllocate?: (byteLength: number) => boolean;
  /** Before cache maintenance; `false` leaves it out, a range that part of it (needs `checkOwnership`). */
  readonly onCache?: CacheHook;
}

export interface EmulatedDeviceOptions {
  /** Default kv260Geometry. */
  readonly geometry?: OverlayGeometry;
  /** DDR set aside for the overlay, in bytes. Default 256 MiB; used memory only is really taken. */
  readonly memoryBytes?: number;
  /** Gives host and overlay separate views of every buffer, so that forgotten cache maintenance shows. Default false. */
  readonly checkOwnership?: boolean;
  /** Default: the fastest engine that runs here. */
  readonly engine?: EmulatorOptions["engine"];
  /** Wall-clock milliseconds a run may keep the event loop at a time. Default 5. */
  readonly turnMs?: number;
  readonly faults?: EmulatedFaults;
}

const DEFAULT_MEMORY_BYTES = 256 * 2 ** 20;
const DEFAULT_TURN_MS = 5;
const STALL_POLL_MS = 2;
/** Against real time at 250 MHz, on a machine that is busy with other things. */
const SLOWDOWN = { wasm: 100, plain: 2000 } as const;

export class EmulatedDevice implements OverlayDevice {
  readonly kind = "emulated";
  readonly geometry: OverlayGeometry;
  readonly slowdown: number;
  /** For tests and logs. */
  readonly emulator: OverlayEmulator;
  readonly #ddr: EmulatedDdr;
  readonly #faults: EmulatedFaults;
  readonly #turnMs: number;
  readonly #line = new InterruptLine();
  #turn?: NodeJS.Immediate;
  #stall?: NodeJS.Timeout;

  constructor(options: EmulatedDeviceOptions = {}) {
    this.geometry = options.geometry ?? kv260Geometry;
    this.#faults = options.faults ?? {};
    this.#turnMs = options.turnMs ?? DEFAULT_TURN_MS;
    this.#ddr = new EmulatedDdr({
      byteLength: options.memoryBytes ?? DEFAULT_MEMORY_BYTES,
      checkOwnership: options.checkOwnership ?? false,
      cacheHook: this.#faults.onCache,
    });
    this.emulator = new OverlayEmulator({
      geometry: this.geometry,
      memory: this.#ddr,
      engine: options.engine,
    });
    this.slowdown = SLOWDOWN[this.emulator.engine.name];
    this.emulator.onInterrupt = () => {
      if (this.#faults.onInterrupt?.() !== false) this.#line.rise();
    };
  }

  get freeBytes(): number {
    return this.#ddr.freeBytes;
  }

  /** The overlay's view of DDR, for fault injection. */
  get memory(): Pick<EmulatedDdr, "span"> {
    return this.#ddr;
  }

  /** Bytes of all live buffers; 0 when everything was given back. */
  get usedBytes(): number {
    return this.#ddr.usedBytes;
  }

  readRegister(offset: number): number {
    this.#checkAccess(offset);
    const value = this.emulator.readRegister(offset);
    return this.#faults.onRead ? this.#faults.onRead(offset, value) >>> 0 : value;
  }

  writeRegister(offset: number, value: number): void {
    this.#checkAccess(offset);
    if (this.#faults.onWrite?.(offset, value) === false) return;
    this.emulator.writeRegister(offset, value);
    const scheduled = this.#turn !== undefined || this.#stall !== undefined;
    if (this.emulator.busy && !scheduled) this.#scheduleTurn();
  }

  allocate(byteLength: number, alignment: number): DeviceBuffer {
    this.#line.checkOpen();
    const exhausted = this.#faults.onAllocate?.(byteLength) === false;
    return this.#ddr.allocate(byteLength, alignment, exhausted);
  }

  waitForInterrupt(deadlineMs: number): Promise<void> {
    return this.#line.wait(deadlineMs, () => this.#pending());
  }

  async close(): Promise<void> {
    clearImmediate(this.#turn);
    clearTimeout(this.#stall);
    this.#turn = undefined;
    this.#stall = undefined;
    this.#line.close();
  }

  #pending(): boolean {
    return (this.emulator.readRegister(registers.IRQ_STATUS.offset) & 1) === 1;
  }

  #scheduleTurn(): void {
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      const end = performance.now() + this.#turnMs;
      while (this.emulator.busy && performance.now() < end) {
        if (this.#faults.onSlice?.() === false) {
          this.#pause();
          return;
        }
        this.emulator.step();
      }
      if (this.emulator.busy && !this.#line.closed) this.#scheduleTurn();
    });
  }

  /** A stalled overlay is looked at again from time to time, without keeping the processor. */
  #pause(): void {
    this.#stall = setTimeout(() => {
      this.#stall = undefined;
      if (this.emulator.busy && !this.#line.closed) this.#scheduleTurn();
    }, STALL_POLL_MS);
  }

  #checkAccess(offset: number): void {
    this.#line.checkOpen();
    checkRegisterOffset(offset);
  }
}
