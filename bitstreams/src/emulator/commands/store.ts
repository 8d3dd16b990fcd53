/** STORE: writes a tensor to DDR, pixel after pixel, channels padded to whole words of I bytes. */
import { memoryTensorBytes, type StoreCommand } from "@sluice/sdk/overlay";
import { pixelAddress, placeTensor } from "../tensor-view.js";
import type { PrepareContext, PreparedCommand } from "./command-context.js";
import { checkRegion, regionBytes } from "./region.js";

export function prepareStore(command: StoreCommand, context: PrepareContext): PreparedCommand {
  const { engine, memory } = context;
  const { geometry } = engine;
  const { inputs } = geometry;
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
    run(_, frame) {
      const target = regionBytes(command, byteLength, frame, memory);
      const { activation } = engine;
      let next = 0;
      for (let y = 0; y < source.height; y += 1) {
        for (let x = 0; x < source.width; x += 1) {
          let at = pixelAddress(source, y, x, geometry);
          for (let word = 0; word < source.words; word += 1, at += source.wordStride) {
            for (let lane = 0; lane < inputs; lane += 1) target[next + lane] = activation[at + lane];
            next += inputs;
          }
        }
      }
    },
  };
}
