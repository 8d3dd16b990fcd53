/** A graph with one reshape: enough of a model to test everything in front of it. */
import type { Graph, InputEncoding, Shape, Tensor } from "@sluice/sdk/graph";

export function inputGraph(
  input: Partial<Tensor> & { readonly shape: Shape },
  inputEncoding: InputEncoding = { kind: "codes" },
): Graph {
  const tensor = { name: "input", min: -128, max: 127, scale: 1 / 128, zeroPoint: 0, ...input };
  const [height, width, channels] = tensor.shape;
  const output = { ...tensor, name: "output", shape: [1, 1, height * width * channels] as const };
  return {
    name: "input-only",
    source: { format: "synthetic", file: "none", sha256: "" },
    tensors: [tensor, output],
    nodes: [{ kind: "reshape", name: "flat", sourceOp: "Reshape", inputs: [0], output: 1 }],
    input: 0,
    inputEncoding,
    output: 1,
    notes: [],
  };
}

/** Pixel / 255, rounded as a Quant node does. */
export const unitPixels: InputEncoding = {
  kind: "normalize",
  scale: 1 / 255,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  rounding: "half-even",
};
