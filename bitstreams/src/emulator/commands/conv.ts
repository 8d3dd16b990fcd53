/** CONV: a dense convolution; a fully connected layer is a 1 x 1 window on one pixel. */
import { type ConvCommand, engineTile } from "@sluice/sdk/overlay";
import { readRequantizePlan } from "../requantize-plan.js";
import { readWindow } from "../window.js";
import type { PrepareContext, PreparedCommand } from "./command-context.js";
import { placeInput, placeOutputs } from "./compute-tensors.js";
import { readWeights } from "./weights.js";

export function prepareConv(command: ConvCommand, context: PrepareContext): PreparedCommand {
  const { engine, image } = context;
  const { geometry } = engine;
  const window = readWindow(command);
  const input = placeInput(command, geometry);
  const outputs = placeOutputs(command, geometry);
  const requantize = readRequantizePlan(command, command.outChannels, image);
  const layout = {
    outputs: command.outChannels,
    inputs: command.inChannels,
    kernelHeight: window.kernelHeight,
    kernelWidth: window.kernelWidth,
    outputTile: engineTile(geometry),
  };
  const weights = readWeights(command, layout, window.taps * input.words, context);
  const compute = engine.convolution({ input, outputs, window, weights, requantize });
  return { command, outputs, slices: compute.slices, run: (slice) => compute.run(slice) };
}
