import { SluiceError } from "@sluice/sdk/errors.js";
import { importTflite } from "@sluice/sdk/import/tflite";
import { describe, expect, it } from "vitest";
import { buildTflite, type ModelSpec } from "../../../support/tflite-builder.js";
import { tinyTflite } from "../../../support/tiny-tflite.js";

const file = "tiny.tflite";
const importSpec = (spec: ModelSpec) => importTflite(buildTflite(spec), { file });

function failure(run: () => unknown): SluiceError {
  try {
    run();
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("importTflite", () => {
  it("describes where the graph came from and how pixels become codes", () => {
    const bytes = buildTflite(tinyTflite());
    const graph = importTflite(bytes, { file });
    expect(graph).toMatchObject({
      name: "tiny",
      source: { format: "tflite-int8", file, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      inputEncoding: { kind: "codes" },
    });
    expect(graph.nodes.map(({ kind, sourceOp }) => `${sourceOp} ${kind}`)).toEqual([
      "CONV_2D convolution",
      "CONV_2D requantize",
      "DEPTHWISE_CONV_2D convolution",
      "DEPTHWISE_CONV_2D requantize",
      "ADD add",
      "ADD requantize",
      "AVERAGE_POOL_2D average-pool",
      "RESHAPE reshape",
      "FULLY_CONNECTED convolution",
      "FULLY_CONNECTED requantize",
      "SOFTMAX softmax",
    ]);
    expect(graph.tensors[graph.output].name).toBe("logits");
  });

  it("keeps the tensors' names and makes the rest unique", () => {
    const spec = tinyTflite();
    const names = importSpec(spec).tensors.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("conv");
    expect(names).toContain("conv/accumulator");
    const repeated = { ...spec, tensors: spec.tensors.map((tensor) => ({ ...tensor, name: "same" })) };
    const renamed = importSpec(repeated).tensors.map(({ name }) => name);
    expect(new Set(renamed).size).toBe(renamed.length);
  });

  it("drops the QUANTIZE and DEQUANTIZE at the ends, and operators the output does not need", () => {
    const q = { type: "INT8", scales: [0.5], zeroPoints: [3] } as const;
    const graph = importSpec({
      tensors: [
        { name: "real in", type: "FLOAT32", shape: [1, 4] },
        { name: "codes", ...q, shape: [1, 4] },
        { name: "relu", ...q, shape: [1, 4] },
        { name: "unused", ...q, shape: [1, 4] },
        { name: "real out", type: "FLOAT32", shape: [1, 4] },
        { name: "probabilities", type: "FLOAT32", shape: [1, 4] },
      ],
      operators: [
        { op: "QUANTIZE", inputs: [0], outputs: [1] },
        { op: "RELU", inputs: [1], outputs: [2] },
        { op: "LOGISTIC", inputs: [1], outputs: [3] },
        { op: "DEQUANTIZE", inputs: [2], outputs: [4] },
        { op: "SOFTMAX", inputs: [4], outputs: [5], optionsType: 9, options: [[0, "float32", 1]] },
      ],
      inputs: [0],
      outputs: [5],
    });
    expect(graph.nodes.map(({ kind }) => kind)).toEqual(["clamp", "softmax"]);
    expect(graph.tensors[graph.input].name).toBe("codes");
    expect(graph.tensors[graph.output].name).toBe("relu");
    expect(graph.notes).toHaveLength(1);
  });

  const base = tinyTflite();
  const change = (index: number, part: Partial<ModelSpec["tensors"][number]>): ModelSpec => ({
    ...base,
    tensors: base.tensors.map((tensor, at) => (at === index ? { ...tensor, ...part } : tensor)),
  });
  const tensor = (name: string) => base.tensors.findIndex((candidate) => candidate.name === name);

  it.each<{ name: string; spec: ModelSpec; code: string; place: RegExp }>([
    {
      name: "an operator it does not know",
      spec: {
        ...base,
        operators: base.operators.map((operator) =>
          operator.op === "ADD" ? { ...operator, op: "LOGISTIC" as const, optionsType: undefined } : operator,
        ),
      },
      code: "unsupported-operator",
      place: /operator 2 \(LOGISTIC\)/,
    },
    {
      name: "floating-point activations",
      spec: change(tensor("conv"), { type: "FLOAT32", scales: undefined }),
      code: "float-model",
      place: /operator 0 \(CONV_2D\)/,
    },
    {
      name: "16-bit activations",
      spec: change(tensor("conv"), { type: "INT16" }),
      code: "unsupported-type",
      place: /operator 0 \(CONV_2D\)/,
    },
    {
      name: "an int8 weight zero point",
      spec: change(tensor("dense/w"), { zeroPoints: [1] }),
      code: "bad-zero-point",
      place: /FULLY_CONNECTED/,
    },
    {
      name: "a scale of zero",
      spec: change(tensor("dense/w"), { scales: [0] }),
      code: "bad-scale",
      place: /tensor \d+ "dense\/w"/,
    },
    {
      name: "a shape that does not follow",
      spec: change(tensor("conv"), { shape: [1, 5, 6, 4] }),
      code: "shape-mismatch",
      place: /operator 0 \(CONV_2D\)/,
    },
    {
      name: "a batch of two",
      spec: change(tensor("input"), { shape: [2, 6, 6, 3] }),
      code: "bad-shape",
      place: /operator 0/,
    },
    {
      name: "weights that do not fill their shape",
      spec: change(tensor("conv/w"), { data: new Int8Array(5) }),
      code: "bad-buffer",
      place: /tensor \d+ "conv\/w" \(byte \d+\)/,
    },
    {
      name: "a bias that overflows the accumulator",
      spec: change(tensor("conv/b"), { data: new Int32Array(4).fill(2 ** 31 - 1) }),
      code: "accumulator-overflow",
      place: /operator 0 \(CONV_2D\)/,
    },
    {
      name: "two inputs",
      spec: { ...base, inputs: [0, 1] },
      code: "unsupported-signature",
      place: /tiny\.tflite/,
    },
    { name: "an old schema", spec: { ...base, version: 2 }, code: "unsupported-schema", place: /byte \d+/ },
  ])("refuses $name", ({ spec, code, place }) => {
    const error = failure(() => importSpec(spec));
    expect(error.code).toBe(code);
    expect(error.place).toMatch(place);
    expect(error.hint, "says what to do").toBeTruthy();
  });

  it("names the byte where a truncated file ends", () => {
    const bytes = buildTflite(base);
    const error = failure(() => importTflite(bytes.subarray(0, bytes.length >> 1), { file }));
    expect(error.code).toBe("malformed-flatbuffer");
    expect(error.place).toMatch(/tiny\.tflite, byte \d+/);
  });

  it("tells a foreign file from a damaged one", () => {
    const error = failure(() =>
      importTflite(new TextEncoder().encode("\x08\x07ONNX model"), { file: "a.onnx" }),
    );
    expect(error.code).toBe("not-a-tflite-file");
  });
});
