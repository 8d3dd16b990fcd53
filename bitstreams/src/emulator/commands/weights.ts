/** A convolution's weights: fetched, decoded in demand order, put into row order with the zero point removed. */
import { type WeightLayout, weightCount } from "@sluice/sdk/codec/types.js";
import type { ConvCommand, DepthwiseCommand } from "@sluice/sdk/overlay";
import { OverlayFault, requireCommand } from "../fault.js";
import type { PrepareContext } from "./command-context.js";

const STREAM_ALIGNMENT = 16;
/** A damaged command must not make the host allocate gigabytes; no layer that fits the overlay comes near. */
const LARGEST_LAYER = 2 ** 27;

/**
 * [output][tap][input], -255..255.
 * @param tileLines lines of the weight tile buffer the layer's widest tile takes
 * @throws {OverlayFault} WEIGHT_RANGE, WEIGHT_STREAM, UNSUPPORTED_CODEC, TABLES, MEMORY, BAD_COMMAND
 */
export function readWeights(
  command: ConvCommand | DepthwiseCommand,
  layout: WeightLayout,
  tileLines: number,
  context: PrepareContext,
): Int16Array {
  requireCommand(command.weightsOffset % STREAM_ALIGNMENT === 0, "the weight stream is not aligned");
  const { weightLines } = context.engine.geometry;
  if (tileLines > weightLines) throw new OverlayFault("WEIGHT_RANGE", `${tileLines} lines of ${weightLines}`);
  if (weightCount(layout) > LARGEST_LAYER) {
    throw new OverlayFault("WEIGHT_RANGE", `${weightCount(layout)} weights in one layer`);
  }
  const stream = context.image.read(command.weightsOffset, command.weightsBytes);
  const decoded = context.decodeWeights(command.codec, stream, layout);
  if (decoded.length !== weightCount(layout)) {
    throw new OverlayFault("WEIGHT_STREAM", `${decoded.length} weights instead of ${weightCount(layout)}`);
  }
  return toRows(decoded, layout, command.weightZeroPoint);
}

/** From the order of sdk/src/overlay/weight-order.ts to [output][tap][input]. */
function toRows(decoded: Int8Array, layout: WeightLayout, zeroPoint: number): Int16Array {
  const { outputs, inputs, outputTile } = layout;
  const taps = layout.kernelHeight * layout.kernelWidth;
  const depth = taps * inputs;
  const rows = new Int16Array(decoded.length);
  let position = 0;
  for (let tile = 0; tile < outputs; tile += outputTile) {
    const end = Math.min(tile + outputTile, outputs);
    for (let step = 0; step < depth; step += 1) {
      for (let output = tile; output < end; output += 1) {
        rows[output * depth + step] = decoded[position] - zeroPoint;
        position += 1;
      }
    }
  }
  return rows;
}
