/**
 * What the driver runs on: registers, DDR buffers and an interrupt, nothing else. Implementations: `emulated`
 * (the functional model), `rtl` (the Verilated overlay), `kv260` (the board). One contract suite runs against all.
 */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import type { Reading } from "@sluice/sdk/protocol";

/**
 * Contiguous DDR the overlay can address. Ownership is explicit: the host may touch `bytes` only after `toHost()`
 * (or before the first `toDevice()`), the overlay only after `toDevice()`; the calls do the cache maintenance.
 */
export interface DeviceBuffer {
  /** Address as the overlay sees it; register pairs take it in two halves. */
  readonly address: bigint;
  readonly byteLength: number;
  readonly bytes: Uint8Array;
  toDevice(): void;
  toHost(): void;
  free(): void;
}

export interface OverlayDevice {
  /** "emulated", "rtl" or "kv260"; for reports only, nobody branches on it. */
  readonly kind: string;
  readonly geometry: OverlayGeometry;
  /** How many times slower than the geometry's clock it may run: deadlines stretch by it. 1 for hardware. */
  readonly slowdown: number;
  /** Bytes of DDR `allocate` can still hand out (alignment and fragmentation may cost a little). */
  readonly freeBytes: number;
  readRegister(offset: number): number;
  writeRegister(offset: number, value: number): void;
  /** @throws {DeviceError} `out-of-memory`; the message says how much was free. */
  allocate(byteLength: number, alignment: number): DeviceBuffer;
  /** Resolves when IRQ_STATUS is set. @throws {DeviceError} `interrupt-timeout` after `deadlineMs`. */
  waitForInterrupt(deadlineMs: number): Promise<void>;
  /** Telemetry by name, where the device has sensors; what cannot be read says why. */
  readings?(): Record<string, Reading>;
  close(): Promise<void>;
}
