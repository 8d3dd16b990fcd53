/** Where a sliding window starts, ends and how many steps it takes: one definition for importers and interpreters. */
import type { Padding, Shape, Window } from "./types.js";

/** Positions a kernel spans once dilated. */
export function windowExtent(kernel: number, dilation: number): number {
  return (kernel - 1) * dilation + 1;
}

/** Output size along one axis; 0 or less when the window does not fit even once. */
export function outputExtent(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  paddingBefore: number,
  paddingAfter: number,
): number {
  return Math.floor((size + paddingBefore + paddingAfter - windowExtent(kernel, dilation)) / stride) + 1;
}

/** Output shape of a window over `input`; channels are the caller's. */
export function windowOutputShape(input: Shape, window: Window, channels: number): Shape {
  const { kernel, stride, dilation, padding } = window;
  return [
    outputExtent(input[0], kernel[0], stride[0], dilation[0], padding.top, padding.bottom),
    outputExtent(input[1], kernel[1], stride[1], dilation[1], padding.left, padding.right),
    channels,
  ];
}

/** TensorFlow's and ONNX's SAME: output = ceil(size / stride); an odd pixel of padding goes after (or before). */
export function samePadding(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  oddSide: "before" | "after" = "after",
): readonly [before: number, after: number] {
  const output = Math.ceil(size / stride);
  const total = Math.max(0, (output - 1) * stride + windowExtent(kernel, dilation) - size);
  const smaller = Math.floor(total / 2);
  return oddSide === "after" ? [smaller, total - smaller] : [total - smaller, smaller];
}

export const noPadding: Padding = { top: 0, bottom: 0, left: 0, right: 0 };

export function hasPadding({ top, bottom, left, right }: Padding): boolean {
  return top > 0 || bottom > 0 || left > 0 || right > 0;
}
