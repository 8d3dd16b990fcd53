/** POOL: the largest code or the sum of a window, per channel; one parameter record for all channels. */
import { type PoolCommand, poolCodes } from "@sluice/sdk/overlay";
import { requireCommand } from "../fault.js";
import { readRequantizePlan } from "../requantize-plan.js";
import { readWindow } from "../window.js";
import type { PrepareContext, PreparedCommand } from "./command-context.js";
import { placeInput, placeOutputs } from "./compute-tensors.js";

export function preparePool(command: PoolCommand, context: PrepareContext): PreparedCommand {
  const { engine, image } = context;
  requireCommand(command.inChannels === command.outChannels, "pooling changes the number of channels");
  const input = placeInput(command, engine.geometry);
  const outputs = placeOutputs(command, engine.geometry);
  const compute = engine.pool({
    input,
    outputs,
    window: readWindow(command),
    average: command.pool === poolCodes.average,
    requantize: readRequantizePlan(command, 1, image),
  });
  return { command, outputs, slices: compute.slices, run: (slice) => compute.run(slice) };
}
