/** The QONNX models against the golden results: constants, every tensor of image 0, the logits of 200 images. */
import { crc32 } from "node:zlib";
import type { ConvolutionNode, Graph } from "@sluice/sdk/graph";
import { elementCount, producers, tensorIdByName } from "@sluice/sdk/graph";
import { importModel } from "@sluice/sdk/import";
import { defaultPreprocessing, encodePixels, encodingTable } from "@sluice/sdk/preprocess";
import { createReference, type Reference } from "@sluice/sdk/reference";
import { beforeAll, describe, expect, it } from "vitest";
import { readNpy, readNpz } from "../support/npy.js";
import {
  cifarTestImages,
  hasSharedData,
  type LabelledImages,
  sharedFile,
  sharedJson,
} from "../support/shared-data.js";

interface GoldenLayer {
  readonly key: string;
  readonly output: string;
  readonly exponent: number;
  readonly shape: readonly [channels: number, height: number, width: number];
}
interface GoldenConstant {
  readonly out: string;
  readonly shape: readonly number[];
  readonly exponent: number;
  readonly crc32_int32: number;
}
interface GoldenImage {
  readonly layers: readonly (GoldenLayer & { readonly op: string; readonly inputs: readonly string[] })[];
  readonly constants: readonly GoldenConstant[];
}

const models = ["resnet8", "resnet20_a8w8b16"];

describe.skipIf(!hasSharedData)("QONNX golden results", () => {
  let cifar: LabelledImages;
  beforeAll(() => {
    cifar = cifarTestImages(200);
  });

  for (const name of models) {
    describe(name, () => {
      let graph: Graph;
      let reference: Reference;
      let golden: GoldenImage;
      beforeAll(() => {
        graph = importModel(sharedFile("models", `${name}.onnx`), { file: `${name}.onnx` });
        reference = createReference(graph);
        golden = sharedJson<GoldenImage>("golden", `${name}.image0.json`);
      });

      const encode = (index: number) => encodePixels(cifar.images[index], defaultPreprocessing(graph), graph);

      it("encodes pixels as the first Quant does", () => {
        const expected = readNpy(sharedFile("golden", `${name}.input_lut.npy`));
        expect([...encodingTable(defaultPreprocessing(graph), graph)]).toEqual(
          [...expected.data].map(Number),
        );
      });

      it("holds the constants the Quants make", () => {
        const byOutput = producers(graph);
        const constants = new Map(golden.constants.map((constant) => [constant.out, constant]));
        let checked = 0;
        for (const layer of golden.layers.filter(({ op }) => op === "Conv")) {
          const node = byOutput.get(tensorIdByName(graph, layer.output)) as ConvolutionNode;
          const [weights, bias] = layer.inputs
            .slice(1)
            .map((input) => constants.get(input) as GoldenConstant);
          expect(crc32(oihw(node, weights.shape)), weights.out).toBe(weights.crc32_int32);
          // The Graph holds the bias on the accumulator's grid, the file on the bias Quant's own.
          const exponent = Math.log2(graph.tensors[node.output].scale);
          const mantissas = Int32Array.from(node.bias, (value) => value * 2 ** (exponent - bias.exponent));
          expect(crc32(mantissas), bias.out).toBe(bias.crc32_int32);
          checked += 2;
        }
        expect(checked).toBe(golden.constants.length);
      });

      it("computes every tensor of image 0", () => {
        const values = reference.runAll(encode(0));
        const expected = readNpz(sharedFile("golden", `${name}.image0.npz`));
        const compared = new Set<number>();
        for (const layer of golden.layers) {
          const id = tensorIdByName(graph, layer.output);
          const mantissas = expected.get(layer.key);
          // Golden tensors are [channels][height][width] mantissas of 2^exponent.
          const [channels, height, width] = layer.shape;
          expect(graph.tensors[id].shape, layer.output).toEqual([height, width, channels]);
          const factor = graph.tensors[id].scale / 2 ** layer.exponent;
          const pixels = height * width;
          const found = Array.from({ length: elementCount(graph.tensors[id].shape) }, (_, index) => {
            const channel = Math.floor(index / pixels);
            return values[id][(index % pixels) * channels + channel] * factor;
          });
          expect(found, layer.output).toEqual([...(mantissas?.data ?? [])].map(Number));
          compared.add(id);
        }
        expect(compared.size).toBe(graph.tensors.length);
      });

      it("computes the logits of 200 images", () => {
        const expected = readNpy(sharedFile("golden", `${name}.logits200.npy`));
        const found = cifar.images.flatMap((_, index) => [...reference.run(encode(index)).output]);
        expect(expected.shape).toEqual([200, 10]);
        expect(found).toEqual([...expected.data].map(Number));
      });
    });
  }
});

/** The file's order and sign: stored integers without the zero point, [outputs][inputs][rows][columns]. */
function oihw(node: ConvolutionNode, [outputs, inputs, height, width]: readonly number[]): Int32Array {
  const taps = height * width;
  return Int32Array.from({ length: outputs * inputs * taps }, (_, index) => {
    const tap = index % taps;
    const input = Math.floor(index / taps) % inputs;
    const output = Math.floor(index / taps / inputs);
    return node.weights[(output * taps + tap) * inputs + input] - node.weightZeroPoint;
  });
}
