/** The sliding window of CONV, DEPTHWISE, POOL and LOAD with taps. */
import type { ConvCommand } from "@sluice/sdk/overlay";
import { requireCommand } from "./fault.js";

type WindowFields = Pick<
  ConvCommand,
  | "kernelHeight"
  | "kernelWidth"
  | "strideHeight"
  | "strideWidth"
  | "dilationHeight"
  | "dilationWidth"
  | "padTop"
  | "padLeft"
  | "padValue"
>;

export interface SlidingWindow extends Readonly<WindowFields> {
  readonly taps: number;
}

/** @throws {OverlayFault} BAD_COMMAND for a zero where the command needs at least 1. */
export function readWindow(command: WindowFields): SlidingWindow {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = command;
  requireCommand(kernelHeight > 0 && kernelWidth > 0, "the kernel is empty");
  requireCommand(strideHeight > 0 && strideWidth > 0, "the stride is 0");
  requireCommand(dilationHeight > 0 && dilationWidth > 0, "the dilation is 0");
  const { padTop, padLeft, padValue } = command;
  return {
    kernelHeight,
    kernelWidth,
    strideHeight,
    strideWidth,
    dilationHeight,
    dilationWidth,
    padTop,
    padLeft,
    padValue,
    taps: kernelHeight * kernelWidth,
  };
}
