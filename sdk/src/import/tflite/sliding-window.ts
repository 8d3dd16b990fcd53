/** Windows as convolutions and poolings describe them in the file. */
import type { Shape, Window } from "../../graph/types.js";
import { noPadding, samePadding } from "../../graph/window.js";
import type { TfliteOperator } from "./model.js";
import type { OperatorAccess } from "./operator-access.js";

/** The window of a convolution or pooling, with TensorFlow Lite's SAME and VALID padding. */
export function slidingWindow(
  access: OperatorAccess,
  operator: TfliteOperator,
  spec: {
    readonly input: Shape;
    readonly kernel: readonly [number, number];
    readonly stride: readonly [number, number];
    readonly dilation: readonly [number, number];
    /** Code of the padding scheme. */
    readonly padding: number;
  },
): Window {
  const { input, kernel, stride, dilation } = spec;
  access.requireExtents(operator, "kernel", kernel);
  access.requireExtents(operator, "stride", stride);
  access.requireExtents(operator, "dilation", dilation);
  if (access.paddingName(operator, spec.padding) === "VALID") {
    return { kernel, stride, dilation, padding: noPadding };
  }
  const [top, bottom] = samePadding(input[0], kernel[0], stride[0], dilation[0]);
  const [left, right] = samePadding(input[1], kernel[1], stride[1], dilation[1]);
  return { kernel, stride, dilation, padding: { top, bottom, left, right } };
}
