/**
 * Whole models on the RTL: the CRC of every layer output and the output frame equal the reference's. The cycles are
 * held to the compiler's cycle model: 1 % per model, 2 % per layer.
 */
import { RtlDevice, rtlLibraryPath } from "@sluice/board-firmware/device/rtl.js";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { layerCrcs } from "@sluice/host-agent/jobs/layer-crcs.js";
import { ansCodec, deflateCodec, rawCodec, type WeightCodec } from "@sluice/sdk/codec";
import { compile, inputFrame, outputCodes } from "@sluice/sdk/compile";
import { importModel } from "@sluice/sdk/import";
import { kv260Geometry, type OverlayGeometry, smallGeometry } from "@sluice/sdk/overlay";
import { createReference } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { codesOf } from "../support/check-compiled.js";
import { randomInput } from "../support/random-graph.js";
import { hasSharedData, sharedFile } from "../support/shared-data.js";

const SEED = 42;

interface Case {
  readonly file: string;
  readonly geometry: OverlayGeometry;
  readonly codec: WeightCodec;
  /** Frames with different inputs, one START each; the first also builds the codec's tables. */
  readonly frames: number;
  /** Most cycles a frame may take once the model's tables are loaded. */
  readonly cyclesAtMost?: number;
}

const cases: readonly Case[] = [
  { file: "resnet8.onnx", geometry: smallGeometry, codec: ansCodec, frames: 1 },
  { file: "vww_96_int8.tflite", geometry: smallGeometry, codec: ansCodec, frames: 1 },
  { file: "resnet8.onnx", geometry: kv260Geometry, codec: ansCodec, frames: 3, cyclesAtMost: 20000 },
  { file: "resnet20_a8w8b16.onnx", geometry: kv260Geometry, codec: ansCodec, frames: 2, cyclesAtMost: 60000 },
  {
    file: "mobilenet_v1_vww_a8w8.onnx",
    geometry: kv260Geometry,
    codec: ansCodec,
    frames: 2,
    cyclesAtMost: 40000,
  },
  { file: "resnet8.onnx", geometry: kv260Geometry, codec: rawCodec, frames: 3, cyclesAtMost: 20000 },
  { file: "resnet20_a8w8b16.onnx", geometry: kv260Geometry, codec: rawCodec, frames: 1, cyclesAtMost: 60000 },
  {
    file: "mobilenet_v1_vww_a8w8.onnx",
    geometry: kv260Geometry,
    codec: rawCodec,
    frames: 1,
    cyclesAtMost: 40000,
  },
  { file: "vww_96_int8.tflite", geometry: kv260Geometry, codec: rawCodec, frames: 1 },
  { file: "resnet8.onnx", geometry: smallGeometry, codec: deflateCodec, frames: 1 },
  { file: "pretrainedResnet_quant.tflite", geometry: kv260Geometry, codec: rawCodec, frames: 1 },
  { file: "mobilenet_v1_0.25_128_quant.tflite", geometry: kv260Geometry, codec: rawCodec, frames: 1 },
];

describe.skipIf(!hasSharedData)("whole models on the RTL", () => {
  for (const { file, geometry, codec, frames, cyclesAtMost } of cases) {
    it(`${file} with ${codec.name} weights on ${geometry.id}: every layer equals the reference`, async () => {
      const graph = importModel(sharedFile("models", file), { file });
      const compiled = compile(graph, { geometry, codec });
      const library = codec === deflateCodec ? rtlLibraryPath(geometry, "inflate") : undefined;
      const device = new RtlDevice({ geometry, library });
      const driver = new OverlayDriver(device);
      driver.load(compiled.plan, compiled.sections);
      for (let frame = 0; frame < frames; frame += 1) {
        const input = randomInput(graph, SEED + frame);
        const codes = codesOf(input, compiled.input.codeOffset);
        const begin = performance.now();
        const { outputs, cycles } = await driver.run(inputFrame(codes, compiled.input, geometry));
        const seconds = (performance.now() - begin) / 1000;
        const counters = driver.layerCounters();
        const model = compiled.plan.cyclesPerFrame;
        console.log(
          `${geometry.id} ${file} ${codec.name}: ${cycles} cycles (model ${model}), ${device.beats(0)} weight beats, ${(Number(cycles) / seconds / 1000).toFixed(0)}k cycles/s`,
        );
        const tensors = createReference(graph).runAll(input);
        const expected = layerCrcs(graph, tensors, compiled.layers, geometry).map(([a, b]) => [a, b ?? 0]);
        if (process.env.SLUICE_RTL_LAYERS) {
          console.table(
            compiled.layers.map(({ index, name, kind, cycles: estimate }) => ({
              name,
              kind,
              cycles: counters[index].cycles,
              model: estimate.total,
              starved: counters[index].stallWeights,
              beats: counters[index].weightBeats,
            })),
          );
        }
        const wrong = compiled.layers.filter(
          ({ index }) => `${[counters[index].crc0, counters[index].crc1]}` !== `${expected[index]}`,
        );
        expect(wrong.map(({ index, name }) => `${index} ${name}`)).toEqual([]);
        expect(outputCodes(outputs, compiled.output, geometry)).toEqual(
          codesOf(tensors[graph.output], compiled.output.codeOffset),
        );
        expect(device.violation).toBe("");
        // The model is about a frame that waits for no codec tables.
        if (codec === rawCodec || (codec === ansCodec && frame > 0)) {
          expect(Math.abs(model / Number(cycles) - 1)).toBeLessThan(0.01);
          const far = compiled.layers.filter(
            (layer) => Math.abs(layer.cycles.total / counters[layer.index].cycles - 1) > 0.02,
          );
          expect(far.map(({ index, name }) => `${index} ${name}`)).toEqual([]);
        }
        if (cyclesAtMost !== undefined) {
          // The first run builds the tables beside the first load: at most 2,000 cycles more.
          const tables = codec === ansCodec && frame === 0 ? 2_000 : 0;
          expect(Number(cycles)).toBeLessThanOrEqual(cyclesAtMost + tables);
        }
      }
      await device.close();
    });
  }
});
