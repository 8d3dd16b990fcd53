/** Constant nodes become constants of the model, like initializers. */
import { integersAttribute, numberAttribute, tensorAttribute } from "../attributes.js";
import { type Constant, nodeError, type OnnxModel, type OnnxNode } from "../model.js";

export function constantNodes(model: OnnxModel): void {
  model.nodes = model.nodes.filter((node) => {
    if (node.opType !== "Constant" || node.domain !== "") return true;
    model.constants.set(node.outputs[0] ?? "", constantOf(node));
    return false;
  });
}

function constantOf(node: OnnxNode): Constant {
  const tensor = tensorAttribute(node, "value");
  if (tensor) return tensor;
  if (node.attributes.has("value_float")) {
    const value = numberAttribute(node, "value_float", 0);
    return { dims: [], values: Float64Array.of(value), isInteger: false };
  }
  if (node.attributes.has("value_int")) {
    const value = numberAttribute(node, "value_int", 0);
    return { dims: [], values: Float64Array.of(value), isInteger: true };
  }
  const integers = integersAttribute(node, "value_ints");
  if (integers) return { dims: [integers.length], values: Float64Array.from(integers), isInteger: true };
  throw nodeError(node, "unsupported-constant", "A Constant node has a value of an unknown kind.", {
    expected: "value, value_float, value_int or value_ints",
    found: [...node.attributes.keys()].join(", "),
  });
}
