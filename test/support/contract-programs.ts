/** Small hand-written programs for the device contract: one frame in, a fully connected layer, one frame out. */
import {
  type Command,
  type ConvCommand,
  engineTile,
  type LoadCommand,
  memoryTensorBytes,
  type OverlayGeometry,
  regionCodes,
  type StoreCommand,
} from "@sluice/sdk/overlay";
import { type BuiltProgram, ImageBuilder } from "./image-builder.js";

export interface DenseProgram extends BuiltProgram {
  readonly load: LoadCommand;
  readonly conv: ConvCommand;
  readonly store: StoreCommand;
  /** What the program computes for a frame. */
  readonly expected: (input: Uint8Array) => Int8Array;
}

const INPUTS = 24;
const OUTPUTS = 10;

/**
 * code[o] = clamp(round-half-up((bias[o] + sum x[i] * w[o][i]) / 2^6)). `change` may spoil commands before packing.
 */
export function denseProgram(
  geometry: OverlayGeometry,
  change: (commands: Command[]) => Command[] = (commands) => commands,
): DenseProgram {
  const builder = new ImageBuilder(geometry);
  const layout = {
    outputs: OUTPUTS,
    inputs: INPUTS,
    kernelHeight: 1,
    kernelWidth: 1,
    outputTile: engineTile(geometry),
  };
  const weight = (output: number, input: number) => ((output * 31 + input * 17) % 41) - 20;
  // One tile: demand order is input after input, outputs side by side (two tiles where O is smaller than 10).
  const weights: number[] = [];
  for (let first = 0; first < OUTPUTS; first += layout.outputTile) {
    for (let input = 0; input < INPUTS; input += 1) {
      for (let output = first; output < Math.min(OUTPUTS, first + layout.outputTile); output += 1) {
        weights.push(weight(output, input));
      }
    }
  }
  const bias = (output: number) => output * 100 - 450;
  const stream = builder.oneLayer(0, layout, Int8Array.from(weights));
  const parametersOffset = builder.parameters(
    // Rounded up to whole tiles, as the hardware fetches them.
    Array.from({ length: Math.ceil(OUTPUTS / layout.outputTile) * layout.outputTile }, (_, output) => ({
      bias: bias(output),
      multiplier: 1,
      shiftA: 6,
      shiftB: 0,
    })),
  );
  const inputWords = INPUTS / geometry.inputs;
  const outputWords = Math.ceil(OUTPUTS / geometry.inputs);
  const onePixel = {
    kernelHeight: 1,
    kernelWidth: 1,
    strideHeight: 1,
    strideWidth: 1,
    dilationHeight: 1,
    dilationWidth: 1,
    padTop: 0,
    padLeft: 0,
    padValue: 0,
  };
  const load: LoadCommand = {
    opcode: "LOAD",
    layer: 0,
    region: regionCodes.input,
    tapsEnable: 0,
    outHeight: 1,
    outWidth: 1,
    inHeight: 1,
    inWidth: 1,
    inChannels: INPUTS,
    outChannels: INPUTS,
    out0Base: 0,
    out0Pitch: inputWords,
    ...onePixel,
    offset: 0,
  };
  const conv: ConvCommand = {
    opcode: "CONV",
    layer: 0,
    inBase: 0,
    inPitch: inputWords,
    inHeight: 1,
    inWidth: 1,
    inChannels: INPUTS,
    outChannels: OUTPUTS,
    out0Base: 64,
    out0Pitch: outputWords,
    out1Base: 0,
    out1Pitch: 0,
    outHeight: 1,
    outWidth: 1,
    ...onePixel,
    weightZeroPoint: 0,
    weightsOffset: stream.offset,
    weightsBytes: stream.byteLength,
    codec: 0,
    parametersOffset,
    tablesOffset: 0,
    roundingA: 0,
    roundingB: 0,
    clampEnable: 0,
    tableEnable0: 0,
    tableEnable1: 0,
    output1Enable: 0,
    outputZeroPoint: 0,
    clampMin: 0,
    clampMax: 0,
    outputMin: -128,
    outputMax: 127,
  };
  const store: StoreCommand = {
    opcode: "STORE",
    layer: 0,
    region: regionCodes.output,
    inBase: 64,
    inPitch: outputWords,
    inHeight: 1,
    inWidth: 1,
    inChannels: OUTPUTS,
    offset: 0,
  };
  const built = builder.build(change([load, conv, store, { opcode: "END" }]), {
    inputBytes: INPUTS,
    outputBytes: memoryTensorBytes(1, 1, OUTPUTS, geometry),
  });
  const expected = (input: Uint8Array): Int8Array =>
    Int8Array.from({ length: OUTPUTS }, (_, output) => {
      let sum = bias(output);
      for (let index = 0; index < INPUTS; index += 1) {
        sum += ((input[index] << 24) >> 24) * weight(output, index);
      }
      return Math.max(-128, Math.min(127, Math.floor(sum / 64 + 0.5)));
    });
  return { ...built, load, conv, store, expected };
}
