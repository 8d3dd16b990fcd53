/** Each pass alone, on a model of a few nodes. */
import type { Attribute, Constant, OnnxModel, OnnxNode } from "@sluice/sdk/import/onnx/model.js";
import {
  constantNodes,
  foldConstantQuants,
  foldConstantTransposes,
  matMulToGemm,
  quantBeforeFlatten,
  removeDeadNodes,
  removeIdentities,
} from "@sluice/sdk/import/onnx/passes/index.js";
import { describe, expect, it } from "vitest";

const floats = (values: number[], dims = [values.length]): Constant => ({
  dims,
  values: Float64Array.from(values),
  isInteger: false,
});

function node(
  opType: string,
  inputs: string[],
  output: string,
  attributes: Record<string, Attribute> = {},
): OnnxNode {
  const domain = opType === "Quant" ? "qonnx.custom_op.general" : "";
  const entries = new Map(Object.entries(attributes));
  return { name: `n_${output}`, opType, domain, inputs, outputs: [output], attributes: entries };
}

function model(nodes: OnnxNode[], constants: Record<string, Constant> = {}, output = "out"): OnnxModel {
  return {
    file: "small.onnx",
    nodes,
    constants: new Map(Object.entries(constants)),
    quantized: new Map(),
    input: { name: "x", dims: [1, 2, 3, 3] },
    output,
    opset: 13,
    notes: [],
  };
}

const summary = ({ nodes }: OnnxModel) =>
  nodes.map(({ opType, inputs, outputs }) => [opType, ...inputs, "->", ...outputs]);
const quantInputs = { s: floats([0.5], []), z: floats([0], []), b: floats([4], []) };

describe("constantNodes", () => {
  it("moves tensors, numbers and lists to the constants", () => {
    const small = model([
      node("Constant", [], "a", { value: floats([1, 2]) }),
      node("Constant", [], "b", { value_float: 0.5 }),
      node("Constant", [], "c", { value_ints: [3, 4] }),
      node("Relu", ["x"], "out"),
    ]);
    constantNodes(small);
    expect(summary(small)).toEqual([["Relu", "x", "->", "out"]]);
    expect([...small.constants].map(([name, { values }]) => [name, ...values])).toEqual([
      ["a", 1, 2],
      ["b", 0.5],
      ["c", 3, 4],
    ]);
  });

  it("refuses a constant of strings", () => {
    const small = model([node("Constant", [], "a", { value_string: "text" })]);
    expect(() => constantNodes(small)).toThrow(expect.objectContaining({ code: "unsupported-constant" }));
  });
});

describe("removeIdentities", () => {
  it("reconnects readers through chains and at the model's output", () => {
    const small = model([
      node("Identity", ["x"], "a"),
      node("Dropout", ["a"], "b"),
      node("Relu", ["b"], "c"),
      node("Identity", ["c"], "out"),
    ]);
    removeIdentities(small);
    expect(summary(small)).toEqual([["Relu", "x", "->", "c"]]);
    expect(small.output).toBe("c");
  });
});

describe("removeDeadNodes", () => {
  it("keeps only what the output depends on, in order", () => {
    const small = model([node("Relu", ["x"], "a"), node("Relu", ["a"], "dead"), node("Relu", ["a"], "out")]);
    removeDeadNodes(small);
    expect(summary(small)).toEqual([
      ["Relu", "x", "->", "a"],
      ["Relu", "a", "->", "out"],
    ]);
  });
});

describe("foldConstantQuants", () => {
  const quant = (attributes = {}) => node("Quant", ["w", "s", "z", "b"], "q", attributes);

  it("rounds half to even and saturates onto the grid", () => {
    const small = model([quant()], { ...quantInputs, w: floats([0.25, 0.75, -0.25, 9, -9, 1]) });
    foldConstantQuants(small);
    expect(small.nodes).toEqual([]);
    expect([...(small.quantized.get("q")?.integers ?? [])].map((value) => value + 0)).toEqual([
      0, 2, 0, 7, -8, 2,
    ]);
    expect([...(small.quantized.get("q")?.exponents ?? [])]).toEqual([-1]);
  });

  it("honours narrow and unsigned ranges", () => {
    const narrow = model([quant({ narrow: 1 })], { ...quantInputs, w: floats([-9]) });
    foldConstantQuants(narrow);
    expect(narrow.quantized.get("q")?.integers[0]).toBe(-7);
    const unsigned = model([quant({ signed: 0 })], { ...quantInputs, w: floats([-9, 9]) });
    foldConstantQuants(unsigned);
    expect([...(unsigned.quantized.get("q")?.integers ?? [])].map((value) => value + 0)).toEqual([0, 15]);
  });

  it("takes integer tensors as already quantised, and says so", () => {
    const held: Constant = { ...floats([5, -7]), isInteger: true };
    const small = model([quant()], { ...quantInputs, w: held });
    foldConstantQuants(small);
    expect([...(small.quantized.get("q")?.integers ?? [])]).toEqual([5, -7]);
    expect(small.notes).toHaveLength(1);
  });

  it("refuses integers that the bit width cannot hold", () => {
    const small = model([quant()], { ...quantInputs, w: { ...floats([8]), isInteger: true } });
    expect(() => foldConstantQuants(small)).toThrow(
      expect.objectContaining({ code: "integer-out-of-range" }),
    );
  });

  it("uses one scale per output channel", () => {
    const constants = { ...quantInputs, s: floats([0.5, 0.25], [2, 1]), w: floats([1, 1, 1, 1], [2, 2]) };
    const small = model([quant()], constants);
    foldConstantQuants(small);
    expect([...(small.quantized.get("q")?.integers ?? [])]).toEqual([2, 2, 4, 4]);
    expect([...(small.quantized.get("q")?.exponents ?? [])]).toEqual([-1, -2]);
  });

  const refused = [
    { code: "scale-not-power-of-two", change: { s: floats([0.3], []) } },
    { code: "scale-not-power-of-two", change: { s: floats([-0.5], []) } },
    { code: "bad-bit-width", change: { b: floats([33], []) } },
    { code: "bad-zero-point", change: { z: floats([0.5], []) } },
    { code: "bad-scale-shape", change: { s: floats([1, 2, 4]) } },
  ];
  for (const { code, change } of refused) {
    it(`refuses ${Object.keys(change)} with ${code} and names the node`, () => {
      const small = model([quant()], { ...quantInputs, w: floats([1, 2]), ...change });
      const facts = { code, place: 'node "n_q" (Quant)' };
      expect(() => foldConstantQuants(small)).toThrow(expect.objectContaining(facts));
    });
  }
});

describe("foldConstantTransposes", () => {
  it("transposes a quantised matrix and its scale axis", () => {
    const constants = {
      ...quantInputs,
      s: floats([0.5, 0.25], [2, 1]),
      w: floats([1, 2, 3, 1, 1, 1], [2, 3]),
    };
    const small = model(
      [node("Quant", ["w", "s", "z", "b"], "q"), node("Transpose", ["q"], "t", { perm: [1, 0] })],
      constants,
    );
    foldConstantQuants(small);
    foldConstantTransposes(small);
    const matrix = small.quantized.get("t");
    expect(matrix).toMatchObject({ dims: [3, 2], axis: 1 });
    expect([...(matrix?.integers ?? [])]).toEqual([2, 4, 4, 4, 6, 4]);
  });
});

describe("matMulToGemm", () => {
  const withMatrix = (nodes: OnnxNode[]) => {
    const small = model([node("Quant", ["w", "s", "z", "b"], "q"), ...nodes], {
      ...quantInputs,
      w: floats([1, 2], [2, 1]),
      bias: floats([0.5]),
    });
    foldConstantQuants(small);
    matMulToGemm(small);
    return summary(small);
  };

  it("joins the product and the bias behind it", () => {
    expect(withMatrix([node("MatMul", ["x", "q"], "p"), node("Add", ["bias", "p"], "out")])).toEqual([
      ["Gemm", "x", "q", "bias", "->", "out"],
    ]);
  });

  it("keeps an addition whose product is read twice", () => {
    const nodes = [
      node("MatMul", ["x", "q"], "p"),
      node("Add", ["p", "bias"], "a"),
      node("Add", ["p", "a"], "out"),
    ];
    expect(withMatrix(nodes).map(([opType]) => opType)).toEqual(["Gemm", "Add", "Add"]);
  });
});

describe("quantBeforeFlatten", () => {
  it("moves the Quant to the pool and keeps the name of the result", () => {
    const small = model(
      [
        node("GlobalAveragePool", ["x"], "mean"),
        node("Flatten", ["mean"], "row"),
        node("Quant", ["row", "s", "z", "b"], "out"),
      ],
      quantInputs,
    );
    quantBeforeFlatten(small);
    expect(summary(small)).toEqual([
      ["GlobalAveragePool", "x", "->", "mean"],
      ["Quant", "mean", "s", "z", "b", "->", "out:before-flatten"],
      ["Flatten", "out:before-flatten", "->", "out"],
    ]);
  });

  it("leaves a row with two readers alone", () => {
    const nodes = [
      node("GlobalAveragePool", ["x"], "mean"),
      node("Flatten", ["mean"], "row"),
      node("Quant", ["row", "s", "z", "b"], "out"),
      node("Relu", ["row"], "other"),
    ];
    const small = model(nodes, quantInputs);
    quantBeforeFlatten(small);
    expect(small.nodes).toEqual(nodes);
  });
});
