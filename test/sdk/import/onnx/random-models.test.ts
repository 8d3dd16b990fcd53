/** SeededRandom QONNX files: what the reference computes from the imported Graph equals a literal execution in doubles. */
import { importOnnx } from "@sluice/sdk/import/onnx";
import { defaultPreprocessing, encodePixels } from "@sluice/sdk/preprocess";
import { createReference } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { compareLiterally } from "../../../support/compare-literally.js";
import { runLiterally } from "../../../support/literal-qonnx.js";
import { randomQonnx } from "../../../support/random-qonnx.js";
import { seededRandom } from "../../../support/seeded-random.js";

describe("imported random QONNX models", () => {
  it("equal a literal execution, tensor by tensor", () => {
    const seen = new Map<string, number>();
    let compared = 0;
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      const { bytes, dims } = randomQonnx(random);
      const graph = importOnnx(bytes, { file: `seed-${seed}.onnx` });
      const [, channels, height, width] = dims;
      const pixels = Uint8Array.from({ length: channels * height * width }, () => random.integer(0, 255));
      const data = Float64Array.from(pixels, (_, index) => {
        const channel = Math.floor(index / (height * width));
        return pixels[(index % (height * width)) * channels + channel] / 255;
      });
      const literal = runLiterally(bytes, { dims, data });
      const values = createReference(graph).runAll(encodePixels(pixels, defaultPreprocessing(graph), graph));
      // A row flattened from a picture is in another order until the Gemm behind it; its own name is skipped.
      const skipped = new Map([...literal].filter(([name]) => !isReordered(graph, name)));
      compared += compareLiterally(graph, values, skipped, `seed ${seed}`);
      for (const { sourceOp } of graph.nodes) seen.set(sourceOp, (seen.get(sourceOp) ?? 0) + 1);
      expect(literal.has(graph.tensors[graph.output].name), `seed ${seed}`).toBe(true);
    }
    expect(compared).toBeGreaterThan(1000);
    const operators = [
      "Add",
      "AveragePool",
      "Clip",
      "Concat",
      "Conv",
      "Flatten",
      "Gemm",
      "GlobalAveragePool",
    ];
    for (const operator of [...operators, "MatMul", "MaxPool", "Pad", "Quant", "Relu", "Reshape"]) {
      const key = operator === "MatMul" ? "Gemm" : operator;
      expect(seen.get(key), operator).toBeGreaterThan(3);
    }
  });
});

/** Flattened from more than one pixel of more than one channel, or a Quant of such a row. */
function isReordered(graph: ReturnType<typeof importOnnx>, name: string): boolean {
  const node = graph.nodes.find(({ output }) => graph.tensors[output].name === name);
  if (node === undefined) return false;
  const source = graph.tensors[node.inputs[0]];
  if (node.kind === "reshape") return source.shape[0] * source.shape[1] > 1 && source.shape[2] > 1;
  return node.kind === "requantize" && isReordered(graph, source.name);
}
