/**
 * Real models, compiled and executed by the emulated board: the CRC of every layer output and the output frame equal
 * the reference's on one input.
 */
import { EmulatedDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { deflateCodec } from "@sluice/sdk/codec";
import { compile, inputFrame, outputCodes } from "@sluice/sdk/compile";
import { importModel } from "@sluice/sdk/import";
import { engineOrderCrc, kv260Geometry, type OverlayGeometry, smallGeometry } from "@sluice/sdk/overlay";
import { createReference } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { codesOf } from "../support/check-compiled.js";
import { randomInput } from "../support/random-graph.js";
import { hasSharedData, sharedFile } from "../support/shared-data.js";

const SEED = 42;

const models: readonly { file: string; geometries: readonly OverlayGeometry[] }[] = [
  { file: "resnet8.onnx", geometries: [kv260Geometry, smallGeometry] },
  { file: "resnet20_a8w8b16.onnx", geometries: [kv260Geometry] },
  { file: "pretrainedResnet_quant.tflite", geometries: [kv260Geometry, smallGeometry] },
  { file: "vww_96_int8.tflite", geometries: [kv260Geometry, smallGeometry] },
  { file: "str_ww_ref_model.tflite", geometries: [kv260Geometry] },
  { file: "mobilenet_v1_vww_a8w8.onnx", geometries: [kv260Geometry] },
  { file: "mobilenet_v1_0.25_128_quant.tflite", geometries: [kv260Geometry, smallGeometry] },
  { file: "mobilenet_v2_1.0_224_quant.tflite", geometries: [kv260Geometry] },
  { file: "mobilenet_v2_a8w6b32.onnx", geometries: [kv260Geometry] },
];

describe.skipIf(!hasSharedData)("compiled models on the emulated board", () => {
  for (const { file, geometries } of models) {
    for (const geometry of geometries) {
      it(`${file} on ${geometry.id}: every layer equals the reference`, { timeout: 180_000 }, async () => {
        const graph = importModel(sharedFile("models", file), { file });
        const input = randomInput(graph, SEED);
        const compiled = compile(graph, { geometry, codec: deflateCodec });
        const device = new EmulatedDevice({ geometry });
        const driver = new OverlayDriver(device);
        driver.load(compiled.plan, compiled.sections);
        const codes = codesOf(input, compiled.input.codeOffset);
        const { outputs } = await driver.run(inputFrame(codes, compiled.input, geometry));
        const found = driver.layerCounters().map(({ crc0, crc1 }) => [crc0, crc1]);
        await device.close();

        const tensors = createReference(graph).runAll(input);
        const expected = compiled.layers.map(
          ({ shape: [, width, channels], rows, tile, outputs: stored }) => {
            const crcs = stored.map(({ tensor, codeOffset }) => {
              const id = graph.tensors.findIndex(({ name }) => name === tensor);
              const band = tensors[id].subarray(rows[0] * width * channels, rows[1] * width * channels);
              const shape = { height: rows[1] - rows[0], width, channels, tile };
              return engineOrderCrc(codesOf(band, codeOffset), shape, geometry);
            });
            return [crcs[0], crcs[1] ?? 0];
          },
        );
        const wrong = compiled.layers.filter(({ index }) => `${found[index]}` !== `${expected[index]}`);
        expect(wrong.map(({ index, name }) => `${index} ${name}`)).toEqual([]);
        expect(outputCodes(outputs, compiled.output, geometry)).toEqual(
          codesOf(tensors[graph.output], compiled.output.codeOffset),
        );
      });
    }
  }
});
