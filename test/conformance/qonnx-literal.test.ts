/** Real QONNX models: every tensor equals a literal execution in doubles that shares no code with the importer. */
import { importModel } from "@sluice/sdk/import";
import { defaultPreprocessing, encodePixels } from "@sluice/sdk/preprocess";
import { createReference } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { compareLiterally } from "../support/compare-literally.js";
import { runLiterally } from "../support/literal-qonnx.js";
import { readNpy } from "../support/npy.js";
import { cifarTestImages, hasSharedData, sharedFile } from "../support/shared-data.js";

/** Uint8 [height][width][3] pictures of the model's input size. */
function photos(size: number, count: number): Uint8Array[] {
  const { data } = readNpy(sharedFile("golden", `photos_${size}.npy`));
  const length = size * size * 3;
  return Array.from({ length: count }, (_, index) =>
    Uint8Array.from((data as Uint8Array).subarray(index * length, (index + 1) * length)),
  );
}

const models = [
  { file: "resnet8", pictures: () => cifarTestImages(12).images.slice(9) },
  { file: "resnet20_a8w8b16", pictures: () => cifarTestImages(12).images.slice(11) },
  { file: "mobilenet_v1_vww_a8w8", pictures: () => photos(96, 2) },
  { file: "mobilenet_v2_a8w6b32", pictures: () => photos(224, 1) },
];

describe.skipIf(!hasSharedData)("QONNX against a literal execution", () => {
  for (const { file, pictures } of models) {
    it(`${file} gives the same value in every tensor`, () => {
      const bytes = sharedFile("models", `${file}.onnx`);
      const graph = importModel(bytes, { file: `${file}.onnx` });
      const reference = createReference(graph);
      const [height, width, channels] = graph.tensors[graph.input].shape;
      for (const pixels of pictures()) {
        const data = Float64Array.from({ length: pixels.length }, (_, index) => {
          const channel = Math.floor(index / (height * width));
          return pixels[(index % (height * width)) * channels + channel] / 255;
        });
        const literal = runLiterally(bytes, { dims: [1, channels, height, width], data });
        const values = reference.runAll(encodePixels(pixels, defaultPreprocessing(graph), graph));
        // All but the tensors the importer adds itself (an average's Quant moved in front of its Flatten).
        const added = graph.tensors.filter(({ name }) => !literal.has(name)).map(({ name }) => name);
        expect(added.every((name) => name.endsWith(":before-flatten"))).toBe(true);
        expect(compareLiterally(graph, values, literal)).toBe(graph.tensors.length - added.length);
        expect(graph.tensors.length).toBeGreaterThan(40);
      }
    });
  }
});
