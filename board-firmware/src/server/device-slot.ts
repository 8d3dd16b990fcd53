/**
 * A board's place for a device that may not be there yet, or not any more: when the overlay could not be loaded, hosts
 * are told why, and every question about the device starts another attempt; one that hangs and does not obey ABORT is
 * closed and opened, so loaded, again. So a board recovers by itself when the cause is gone.
 */
import { DeviceError, SluiceError } from "@sluice/sdk/errors.js";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import type { Logger } from "pino";
import type { OverlayDevice } from "../device/overlay-device.js";
import { type DriverOptions, OverlayDriver, overlayIsStuck } from "../driver/index.js";
import type { ModelRunner } from "./runner.js";

export interface DeviceSlotOptions {
  readonly open: () => Promise<OverlayDevice>;
  /** What hosts are told before the device is there. */
  readonly kind: string;
  readonly geometry: OverlayGeometry;
  readonly driver?: DriverOptions;
  /** Least time between two attempts, in milliseconds. */
  readonly retryMs: number;
  /** Can `open` be called again? */
  readonly reopens: boolean;
  /** Told about attempts that fail. */
  readonly log?: Logger;
}

export class DeviceSlot implements ModelRunner {
  readonly #options: DeviceSlotOptions;
  #device: OverlayDevice | undefined;
  #driver: OverlayDriver | undefined;
  #failure: unknown;
  #attempt: Promise<void> | undefined;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: DeviceSlotOptions) {
    this.#options = options;
  }

  /** Tries to open the device; never throws. */
  async fill(): Promise<void> {
    this.#attempt ??= this.#tryOpen().finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  get device(): Pick<OverlayDevice, "kind" | "geometry"> {
    return this.#device ?? this.#options;
  }

  get opened(): OverlayDevice | undefined {
    return this.#device;
  }

  identify(): ReturnType<ModelRunner["identify"]> {
    return this.#need().identify();
  }

  load(...model: Parameters<ModelRunner["load"]>): void {
    this.#need().load(...model);
  }

  unload(): void {
    this.#driver?.unload();
  }

  run(...work: Parameters<ModelRunner["run"]>): ReturnType<ModelRunner["run"]> {
    return this.#watched((driver) => driver.run(...work));
  }

  layerCounters(): ReturnType<ModelRunner["layerCounters"]> {
    return this.#need().layerCounters();
  }

  dumpLayer(...work: Parameters<ModelRunner["dumpLayer"]>): ReturnType<ModelRunner["dumpLayer"]> {
    return this.#watched((driver) => driver.dumpLayer(...work));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#attempt;
    await this.#device?.close();
  }

  async #watched<T>(work: (driver: OverlayDriver) => Promise<T>): Promise<T> {
    try {
      return await work(this.#need());
    } catch (error) {
      if (this.#options.reopens && overlayIsStuck(error)) await this.#replace(error);
      throw error;
    }
  }

  async #replace(reason: unknown): Promise<void> {
    const stuck = this.#device;
    this.#device = undefined;
    this.#driver = undefined;
    this.#failure = reason;
    try {
      await stuck?.close();
    } catch (error) {
      this.#options.log?.error({ err: error }, "the device that hangs cannot be closed");
    }
    await this.fill();
  }

  async #tryOpen(): Promise<void> {
    this.#attemptedAt = performance.now();
    try {
      const device = await this.#options.open();
      this.#device = device;
      this.#driver = new OverlayDriver(device, this.#options.driver);
    } catch (error) {
      this.#failure = error;
      this.#options.log?.error({ err: error }, "the device cannot be opened");
    }
  }

  /** @throws {SluiceError} why there is no device; asking again later may find one */
  #need(): OverlayDriver {
    if (this.#driver) return this.#driver;
    const due = performance.now() - this.#attemptedAt >= this.#options.retryMs;
    if (due && !this.#closed) void this.fill();
    if (this.#failure instanceof SluiceError) throw this.#failure;
    throw new DeviceError("not-open", "The board's device is still being opened.", {
      hint: "Try again in a few seconds.",
      cause: this.#failure,
    });
  }
}
