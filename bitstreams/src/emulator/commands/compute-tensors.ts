/** The input and the one or two outputs that every compute command names. */
import type { ComputeCommand, OverlayGeometry } from "@sluice/sdk/overlay";
import { placeTensor, type TensorView } from "../tensor-view.js";

/** @throws {OverlayFault} BAD_COMMAND, ACTIVATION_RANGE */
export function placeInput(command: ComputeCommand, geometry: OverlayGeometry): TensorView {
  const { inBase: base, inPitch: pitch, inHeight: height, inWidth: width, inChannels: channels } = command;
  return placeTensor({ base, pitch, height, width, channels }, geometry);
}

/** @throws {OverlayFault} BAD_COMMAND, ACTIVATION_RANGE */
export function placeOutputs(command: ComputeCommand, geometry: OverlayGeometry): TensorView[] {
  const shape = { height: command.outHeight, width: command.outWidth, channels: command.outChannels };
  const first = placeTensor({ ...shape, base: command.out0Base, pitch: command.out0Pitch }, geometry);
  if (command.output1Enable === 0) return [first];
  return [first, placeTensor({ ...shape, base: command.out1Base, pitch: command.out1Pitch }, geometry)];
}
