/** A one-layer model built by hand: small enough to read, complete enough for every package test. */
import { rawCodec } from "@sluice/sdk/codec";
import type { CompiledModel } from "@sluice/sdk/compile";
import type { Graph } from "@sluice/sdk/graph";
import {
  type ConvCommand,
  OVERLAY_VERSION,
  packCommands,
  smallGeometry,
  toDemandOrder,
} from "@sluice/sdk/overlay";

const OUTPUTS = 3;
const INPUTS = 8;

export const tinyWeights = Int8Array.from({ length: OUTPUTS * INPUTS }, (_, index) => (index * 37) % 256);

const view = { kernelHeight: 1, kernelWidth: 1 };
const layout = { outputs: OUTPUTS, inputs: INPUTS, ...view, outputTile: smallGeometry.outputs };

const command: ConvCommand = {
  opcode: "CONV",
  layer: 0,
  inBase: 0,
  inPitch: 1,
  inHeight: 1,
  inWidth: 1,
  inChannels: INPUTS,
  outChannels: OUTPUTS,
  out0Base: 8,
  out0Pitch: 1,
  out1Base: 0,
  out1Pitch: 0,
  outHeight: 1,
  outWidth: 1,
  ...view,
  strideHeight: 1,
  strideWidth: 1,
  dilationHeight: 1,
  dilationWidth: 1,
  padTop: 0,
  padLeft: 0,
  padValue: 0,
  weightZeroPoint: 0,
  weightsOffset: 64,
  weightsBytes: OUTPUTS * INPUTS,
  codec: rawCodec.id,
  parametersOffset: 128,
  tablesOffset: 128,
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

export const tinyCompiled: CompiledModel = {
  name: "tiny",
  codec: "raw",
  plan: {
    geometry: smallGeometry.id,
    overlayVersion: OVERLAY_VERSION,
    imageBytes: 192,
    commandOffset: 0,
    commandCount: 1,
    tablesOffset: 0,
    tablesBytes: 0,
    inputFrameBytes: 64,
    outputFrameBytes: 64,
    scratchBytes: 0,
    layerCount: 1,
    cyclesPerFrame: 10,
  },
  sections: [
    { kind: "program", name: "program", offset: 0, bytes: packCommands([command]) },
    {
      kind: "weights",
      name: "fc",
      offset: 64,
      bytes: new Uint8Array(toDemandOrder(tinyWeights, layout).buffer),
    },
    { kind: "parameters", name: "parameters", offset: 128, bytes: new Uint8Array(48) },
  ],
  input: { shape: [1, 1, INPUTS], packing: "words", codeOffset: 0, scale: 1, zeroPoint: 0 },
  output: { shape: [1, 1, OUTPUTS], packing: "words", codeOffset: 0, scale: 0.5, zeroPoint: 0 },
  layers: [
    {
      index: 0,
      name: "fc",
      kind: "fully-connected",
      command: 0,
      outputs: [{ tensor: "logits", codeOffset: 0 }],
      shape: [1, 1, OUTPUTS],
      rows: [0, 1],
      tile: smallGeometry.outputs,
      macs: 24,
      weightBytes: 24,
      compressedBytes: 24,
      codec: "raw",
      cycles: { total: 10, compute: 4, stallWeights: 1, stallData: 0, weightBeats: 2 },
    },
  ],
  memory: [{ name: "URAM", used: 1, available: 64, unit: "blocks" }],
  notes: ["made by hand"],
};

/** A uint8 graph around the given stored weights (zero point 128). */
export function tinyGraph(
  weights: Int16Array = Int16Array.from(tinyWeights, (weight) => weight + 128),
): Graph {
  return {
    name: "tiny",
    source: { format: "synthetic", file: "tiny", sha256: "" },
    tensors: [
      { name: "input", shape: [1, 1, INPUTS], min: 0, max: 255, scale: 1, zeroPoint: 128 },
      {
        name: "logits",
        shape: [1, 1, OUTPUTS],
        min: -(2 ** 31),
        max: 2 ** 31 - 1,
        scale: Number.NaN,
        zeroPoint: 0,
      },
    ],
    nodes: [
      {
        kind: "convolution",
        name: "fc",
        sourceOp: "FULLY_CONNECTED",
        inputs: [0],
        output: 1,
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        padding: { top: 0, bottom: 0, left: 0, right: 0 },
        groups: 1,
        weights,
        weightZeroPoint: 128,
        weightScale: Float64Array.of(0.25),
        weightBits: 8,
        bias: Int32Array.of(1, -2, 3),
        accumulatorShift: 0,
      },
    ],
    input: 0,
    inputEncoding: { kind: "codes" },
    output: 1,
    notes: [],
  };
}
