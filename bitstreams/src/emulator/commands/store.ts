/** STORE: writes a tensor to DDR, pixel after pixel, channels padded to whole words of I bytes. */
import { memoryTensorBytes, type StoreCommand } from "@sluice/sdk/overlay";
import { placeTensor } from "../tensor-view.js";
import type { PrepareContext, PreparedCommand } from "./command-context.js";
import { checkRegion, regionBytes } from "./region.js";

export function prepareStore(command: StoreCommand, context: PrepareContext): PreparedCommand {
  const { engine, memory } = context;
  const { geometry } = engine;
  checkRegion(command);
  const source = placeTensor(
    {
      base: command.inBase,
      pitch: command.inPitch,
      height: command.inHeight,
      width: command.inWidth,
      channels: command.inChannels,
    },
    geometry,
  );
  const byteLength = memoryTensorBytes(source.height, source.width, source.channels, geometry);
  return {
    command,
    outputs: [],
    slices: 1,
    run: (_, frame) => engine.storeWords(source, regionBytes(command, byteLength, frame, memory)),
  };
}
