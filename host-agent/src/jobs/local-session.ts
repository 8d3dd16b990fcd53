/** A board session without a link: the driver on a device in this process. For `verify` and for tests. */
import { type OverlayDevice, openDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import type { BoardSession } from "./board-session.js";

export async function openLocalSession(
  device: "emulated" | "rtl",
  geometry: OverlayGeometry,
): Promise<BoardSession> {
  return new LocalSession(await openDevice(device, geometry));
}

class LocalSession implements BoardSession {
  readonly description: BoardSession["description"];
  readonly keepsUploads = false;
  readonly #device: OverlayDevice;
  readonly #driver: OverlayDriver;
  #lastRun: Promise<unknown> = Promise.resolve();

  constructor(device: OverlayDevice) {
    this.#device = device;
    this.#driver = new OverlayDriver(device);
    const { clockMHz } = device.geometry;
    this.description = { kind: "kv260", device: device.kind, link: "this process", clockMHz };
  }

  async holds(sections: readonly Uint8Array[]): Promise<boolean[]> {
    return sections.map(() => false);
  }

  async install(...[plan, sections, layerNames]: Parameters<BoardSession["install"]>) {
    this.#driver.load(plan, sections, layerNames);
    const bytesTotal = sections.reduce((sum, { bytes }) => sum + bytes.length, 0);
    return { bytesSent: bytesTotal, bytesTotal };
  }

  async run(frames: readonly Uint8Array[]) {
    const run = this.#lastRun.then(() => this.#driver.run(frames));
    this.#lastRun = run.catch(() => undefined);
    const { outputs, cycles } = await run;
    const bytes = outputs.length / frames.length;
    return {
      outputs: frames.map((_, index) => outputs.subarray(index * bytes, (index + 1) * bytes)),
      cycles,
    };
  }

  async readLayers(layers: Parameters<BoardSession["readLayers"]>[0]) {
    const counters = this.#driver.layerCounters();
    return layers.map(({ index, outputs }) => {
      const { cycles, crc0, crc1 } = counters[index];
      return { cycles, crcs: [crc0, crc1].slice(0, outputs.length) };
    });
  }

  async dumpLayer(...[layer, output, frame]: Parameters<BoardSession["dumpLayer"]>): Promise<Int8Array> {
    const { codes } = await this.#driver.dumpLayer(layer.index, output === 0 ? 0 : 1, frame);
    return codes;
  }

  async readings() {
    return this.#device.readings?.() ?? {};
  }

  async close(): Promise<void> {
    await this.#device.close();
  }
}
