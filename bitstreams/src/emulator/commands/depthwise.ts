/** DEPTHWISE: output channel o sees input channel o only. */
import { type DepthwiseCommand, engineTile } from "@sluice/sdk/overlay";
import { requireCommand } from "../fault.js";
import { readRequantizePlan } from "../requantize-plan.js";
import { readWindow } from "../window.js";
import type { PrepareContext, PreparedCommand } from "./command-context.js";
import { placeInput, placeOutputs } from "./compute-tensors.js";
import { readWeights } from "./weights.js";

export function prepareDepthwise(command: DepthwiseCommand, context: PrepareContext): PreparedCommand {
  const { engine, image } = context;
  const { geometry } = engine;
  requireCommand(command.inChannels === command.outChannels, "depthwise changes the number of channels");
  const window = readWindow(command);
  const input = placeInput(command, geometry);
  const outputs = placeOutputs(command, geometry);
  const requantize = readRequantizePlan(command, command.outChannels, image);
  const layout = {
    outputs: command.outChannels,
    inputs: 1,
    kernelHeight: window.kernelHeight,
    kernelWidth: window.kernelWidth,
    outputTile: engineTile(geometry),
  };
  // A tap of a tile's channels lies on the diagonals of O / I lines.
  const tileLines = window.taps * Math.ceil(geometry.outputs / geometry.inputs);
  const weights = readWeights(command, layout, tileLines, context);
  const compute = engine.depthwise({ input, outputs, window, weights, requantize });
  return { command, outputs, slices: compute.slices, run: (slice) => compute.run(slice) };
}
