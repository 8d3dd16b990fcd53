/** ADD: two tensors of one shape; each code selects its scaled addend from a table of 256 int32. */
import type { AddCommand } from "@sluice/sdk/overlay";
import { requireCommand } from "../fault.js";
import { readRequantizePlan } from "../requantize-plan.js";
import { placeTensor } from "../tensor-view.js";
import type { PrepareContext, PreparedCommand } from "./command-context.js";
import { placeInput, placeOutputs } from "./compute-tensors.js";

const ENTRIES = 256;

export function prepareAdd(command: AddCommand, context: PrepareContext): PreparedCommand {
  const { engine, image } = context;
  const { inHeight: height, inWidth: width, inChannels: channels } = command;
  requireCommand(
    height === command.outHeight && width === command.outWidth && channels === command.outChannels,
    "an addition changes the shape",
  );
  requireCommand(command.addendsOffset % 16 === 0, "the addend tables are not aligned");
  const input = placeInput(command, engine.geometry);
  const second = placeTensor(
    { base: command.in1Base, pitch: command.in1Pitch, height, width, channels },
    engine.geometry,
  );
  const outputs = placeOutputs(command, engine.geometry);
  const tables = image.read(command.addendsOffset, 2 * ENTRIES * 4);
  const view = new DataView(tables.buffer, tables.byteOffset);
  const addends = [0, ENTRIES].map((first) =>
    Int32Array.from({ length: ENTRIES }, (_, code) => view.getInt32((first + code) * 4, true)),
  );
  const compute = engine.add({
    input,
    second,
    outputs,
    addends: [addends[0], addends[1]],
    requantize: readRequantizePlan(command, 1, image),
  });
  return { command, outputs, slices: compute.slices, run: (slice) => compute.run(slice) };
}
