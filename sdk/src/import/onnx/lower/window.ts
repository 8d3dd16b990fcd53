/** Kernel, stride, dilation and padding of Conv and pools, with auto_pad and ceil_mode made explicit. */
import type { Shape, Window } from "../../../graph/types.js";
import { outputExtent, samePadding, windowExtent } from "../../../graph/window.js";
import { integerAttribute, integersAttribute, stringAttribute } from "../attributes.js";
import { nodeError, type OnnxNode } from "../model.js";

export function windowOf(node: OnnxNode, input: Shape, kernel: readonly [number, number]): Window {
  const [strideY = 1, strideX = 1] = integersAttribute(node, "strides", 2) ?? [];
  const [dilationY = 1, dilationX = 1] = integersAttribute(node, "dilations", 2) ?? [];
  const stride = [strideY, strideX] as const;
  const dilation = [dilationY, dilationX] as const;
  if (![...kernel, ...stride, ...dilation].every((size) => size >= 1)) {
    throw nodeError(node, "bad-window", "Kernel, strides and dilations must be 1 or more.", {
      found: `kernel ${kernel.join("x")}, strides ${stride.join("x")}, dilations ${dilation.join("x")}`,
    });
  }
  const [rows, columns] = [0, 1].map((axis) =>
    paddingOf(node, input[axis], kernel[axis], stride[axis], dilation[axis], axis),
  );
  return {
    kernel,
    stride,
    dilation,
    padding: { top: rows[0], bottom: rows[1], left: columns[0], right: columns[1] },
  };
}

function paddingOf(
  node: OnnxNode,
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  axis: number,
): readonly [number, number] {
  const mode = stringAttribute(node, "auto_pad", "NOTSET");
  if (mode === "VALID") return [0, 0];
  if (mode === "SAME_UPPER") return samePadding(size, kernel, stride, dilation, "after");
  if (mode === "SAME_LOWER") return samePadding(size, kernel, stride, dilation, "before");
  const pads = integersAttribute(node, "pads", 4) ?? [0, 0, 0, 0];
  if (mode !== "NOTSET" && mode !== "") {
    throw nodeError(node, "bad-attribute", "Unknown auto_pad.", { found: mode });
  }
  const [before, after] = [pads[axis], pads[axis + 2]];
  if (before < 0 || after < 0) {
    throw nodeError(node, "bad-window", "Negative padding cannot be imported.", {
      found: `[${pads.join(", ")}]`,
      hint: "Crop the tensor with a smaller input instead.",
    });
  }
  if (integerAttribute(node, "ceil_mode", 0) === 0) return [before, after];
  const exact = (size + before + after - windowExtent(kernel, dilation)) / stride;
  let steps = Math.ceil(exact);
  // A last window that would start behind the input and its leading padding is dropped.
  if (steps * stride >= size + before) steps -= 1;
  const missing = steps + 1 - outputExtent(size, kernel, stride, dilation, before, after);
  const spare = size + before + after - windowExtent(kernel, dilation) - Math.floor(exact) * stride;
  return missing > 0 ? [before, after + missing * stride - spare] : [before, after];
}
