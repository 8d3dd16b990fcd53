/**
 * A driver without an overlay, for tests of the link: output byte i of a frame = input byte i * 3 + the sum of the
 * image, modulo 256, so that a wrong byte anywhere in sections, frames or their order shows in the outputs.
 */
import type { ModelRunner } from "@sluice/board-firmware/server";
import type { ImageSection, RunPlan } from "@sluice/sdk/compile";
import { DeviceError } from "@sluice/sdk/errors.js";
import { crc32c, kv260Geometry, OVERLAY_ID } from "@sluice/sdk/overlay";
import { seededRandom } from "./seeded-random.js";

export interface ArithmeticRunner extends ModelRunner {
  readonly loads: number;
  /** Milliseconds each run takes. */
  delayMs: number;
}

export function arithmeticRunner(): ArithmeticRunner {
  let plan: RunPlan | undefined;
  let imageSum = 0;
  let last: Uint8Array | undefined;
  let loads = 0;
  const output = (frame: Uint8Array, bytes: number) => expectedOutput(frame, bytes, imageSum);
  const loaded = (): RunPlan => {
    if (plan) return plan;
    throw new DeviceError("no-model", "No model is loaded on the device.");
  };
  return {
    delayMs: 0,
    device: { kind: "emulated", geometry: kv260Geometry },
    get loads() {
      return loads;
    },
    identify: () => ({
      id: OVERLAY_ID,
      versionMajor: 1,
      versionMinor: 0,
      pixels: 8,
      inputs: 8,
      outputs: 16,
      decoderLanes: 16,
      requantizeLanes: 32,
      depthwiseChannels: 16,
      activationRows: 1,
      weightLines: 1,
      codecs: [0, 1],
    }),
    load(next, sections) {
      plan = next;
      imageSum = sumOfSections(sections);
      loads += 1;
    },
    unload() {
      plan = undefined;
    },
    async run(frames) {
      const { inputFrameBytes, outputFrameBytes } = loaded();
      if (!(frames instanceof Uint8Array)) throw new DeviceError("bad-input", "one array is expected");
      if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
      const count = frames.length / inputFrameBytes;
      const outputs = new Uint8Array(count * outputFrameBytes);
      for (let i = 0; i < count; i += 1) {
        last = frames.slice(i * inputFrameBytes, (i + 1) * inputFrameBytes);
        outputs.set(output(last, outputFrameBytes), i * outputFrameBytes);
      }
      const counters = { cycles: 1_000 * count, stallWeights: 3, stallData: 4, weightBeats: 5 };
      return { frames: count, outputs, ...counters };
    },
    layerCounters() {
      return Array.from({ length: loaded().layerCount }, (_, layer) => ({
        layer,
        cycles: 100 + layer,
        stallWeights: layer,
        weightBeats: 2 * layer,
        crc0: crc32c(last ?? new Uint8Array(0), layer),
        crc1: 0,
      }));
    },
    async dumpLayer(layer, which, frame) {
      if (layer >= loaded().layerCount)
        throw new DeviceError("no-such-layer", "The program has no such layer.");
      const codes = new Int8Array(2 * 3 * 4).map((_, i) => frame[i % frame.length] + layer + which);
      return { layer, output: which, height: 2, width: 3, channels: 4, codes };
    },
  };
}

export function expectedOutput(frame: Uint8Array, bytes: number, imageSum: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => frame[i % frame.length] * 3 + imageSum);
}

export function sumOfSections(sections: readonly ImageSection[]): number {
  let sum = 0;
  for (const { bytes } of sections) for (const byte of bytes) sum = (sum + byte) & 0xff;
  return sum;
}

/** A plan and sections of random bytes; `sectionBytes` gives the length of each. */
export function randomModel(seed: number, sectionBytes: readonly number[] = [640, 128, 20_000, 70_000]) {
  const random = seededRandom(seed);
  let offset = 0;
  const sections: ImageSection[] = sectionBytes.map((length, i) => {
    const bytes = Uint8Array.from({ length }, () => random.integer(0, 255));
    const section = { kind: i === 0 ? "program" : "weights", name: `section ${i}`, offset, bytes } as const;
    offset += Math.ceil(length / 64) * 64;
    return section;
  });
  const plan: RunPlan = {
    geometry: kv260Geometry.id,
    overlayVersion: 0x1_0000,
    imageBytes: offset,
    commandOffset: 0,
    commandCount: 10,
    tablesOffset: 0,
    tablesBytes: 0,
    inputFrameBytes: 256,
    outputFrameBytes: 64,
    scratchBytes: 0,
    layerCount: 5,
    cyclesPerFrame: 1_000,
  };
  const frames = (count: number) =>
    Array.from({ length: count }, () =>
      Uint8Array.from({ length: plan.inputFrameBytes }, () => random.integer(0, 255)),
    );
  return { plan, sections, frames };
}
