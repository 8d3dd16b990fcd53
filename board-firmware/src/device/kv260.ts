/**
 * The KV260 itself: the overlay's registers by mmap, its interrupt by UIO, DDR by u-dma-buf or a dma-heap.
 *
 *   const device = await Kv260Device.open(kv260Geometry);       // loads the overlay, gate by gate
 *   const driver = new OverlayDriver(device);
 */
import { DeviceError } from "@sluice/sdk/errors.js";
import { control, type OverlayGeometry, registers } from "@sluice/sdk/overlay";
import type { Reading } from "@sluice/sdk/protocol";
import { BoardFiles, DevMem } from "../board-files/index.js";
import { type LoadedOverlay, type LoadOptions, loadOverlay, type PassedGate } from "../loader/index.js";
import { type ContiguousMemory, type MemoryOptions, openContiguousMemory } from "../memory/index.js";
import { BoardTelemetry } from "../telemetry/index.js";
import type { OpenDeviceOptions } from "./open-device.js";
import type { DeviceBuffer, OverlayDevice } from "./overlay-device.js";
import { UioInterrupt } from "./uio-interrupt.js";

export interface Kv260Options extends LoadOptions, MemoryOptions {
  /** Where the board's files lie, as a directory or with a kernel that answers. Default "/". */
  readonly files?: BoardFiles;
}

export class Kv260Device implements OverlayDevice {
  readonly kind = "kv260";
  readonly geometry: OverlayGeometry;
  readonly slowdown = 1;
  readonly #overlay: LoadedOverlay;
  readonly #memory: ContiguousMemory;
  readonly #interrupt: UioInterrupt;
  readonly #telemetry: BoardTelemetry;
  #frames = 0;
  #closed = false;

  /** @throws {LoaderError} `gate-<name>`, {DeviceError} from memory; nothing stays open or loaded then */
  static async open(geometry: OverlayGeometry, options: Kv260Options = {}): Promise<Kv260Device> {
    const files = options.files ?? new BoardFiles();
    const overlay = await loadOverlay(files, geometry, options);
    let memory: ContiguousMemory | undefined;
    try {
      memory = openContiguousMemory(files, overlay.manifest.memory, options);
      const pending = (): boolean => (overlay.registers.read(registers.IRQ_STATUS.offset) & 1) === 1;
      const interrupt = new UioInterrupt(files, overlay.uio, pending);
      const clock = { memory: options.memory ?? new DevMem(files), pl: overlay.manifest.clock.pl };
      const telemetry = new BoardTelemetry(files, clock);
      return new Kv260Device(geometry, overlay, memory, interrupt, telemetry);
    } catch (error) {
      memory?.close();
      await overlay.unload();
      throw error;
    }
  }

  private constructor(
    geometry: OverlayGeometry,
    overlay: LoadedOverlay,
    memory: ContiguousMemory,
    interrupt: UioInterrupt,
    telemetry: BoardTelemetry,
  ) {
    // Deadlines are worked out from what the clock really is.
    this.geometry = { ...geometry, clockMHz: overlay.clock.megahertz };
    this.#overlay = overlay;
    this.#memory = memory;
    this.#interrupt = interrupt;
    this.#telemetry = telemetry;
  }

  /** The gates the load passed, with what each saw. */
  get passedGates(): readonly PassedGate[] {
    return this.#overlay.passed;
  }

  get freeBytes(): number {
    return this.#memory.freeBytes;
  }

  readRegister(offset: number): number {
    this.#checkOpen();
    return this.#overlay.registers.read(offset);
  }

  writeRegister(offset: number, value: number): void {
    this.#checkOpen();
    if (offset === registers.FRAME_COUNT.offset) this.#frames = value;
    if (offset === registers.CONTROL.offset && value & control.START) this.#telemetry.energy.runStarted();
    this.#overlay.registers.write(offset, value);
  }

  allocate(byteLength: number, alignment: number): DeviceBuffer {
    this.#checkOpen();
    return this.#memory.allocate(byteLength, alignment);
  }

  async waitForInterrupt(deadlineMs: number): Promise<void> {
    this.#checkOpen();
    let frames = 0;
    try {
      await this.#interrupt.wait(deadlineMs);
      frames = this.#frames;
    } finally {
      this.#telemetry.energy.runEnded(frames);
    }
  }

  readings(): Record<string, Reading> {
    return this.#telemetry.readings();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#telemetry.close();
    this.#interrupt.close();
    // The overlay must not write to memory that is about to belong to somebody else.
    this.#overlay.registers.write(registers.CONTROL.offset, control.ABORT);
    this.#memory.close();
    await this.#overlay.unload();
  }

  #checkOpen(): void {
    if (this.#closed) {
      throw new DeviceError("closed", "The device has been closed.", { hint: "Open it again." });
    }
  }
}

/** For openDevice: the kv260 device with what the command line can say about it. */
export function openKv260(geometry: OverlayGeometry, options: OpenDeviceOptions): Promise<Kv260Device> {
  const { root, method, folder } = options;
  return Kv260Device.open(geometry, { files: new BoardFiles(root), method, folder });
}
