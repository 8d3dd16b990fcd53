/**
 * Engine layers and their memory -> commands, in execution order:
 *   per layer   LOAD of spilled inputs; compute; STORE of what must leave; STORE of the output frame
 *   per band    the same on rows of the streamed tensors
 */
import type { Shape } from "../graph/types.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { type Command, type ComputeCommand, poolCodes, roundingCodes } from "../overlay/program.js";
import { activationRowsOf, type RowRange, rowsLoaded, rowsTouched } from "./bands.js";
import { type ActivationBuffer, type EngineLayer, outputShape, type Stored } from "./engine-layer.js";
import type { ImageAddresses } from "./image.js";
import type { LoweredGraph } from "./lower.js";
import type { LayerMemory, MemoryPlan } from "./memory-plan.js";
import { loadRows, storeOutput, storeScratch, type TransferContext, windowFields } from "./transfers.js";

/** One compute command of a layer. */
export interface EmittedLayer {
  readonly layer: EngineLayer;
  /** Index in lowered.layers: bands of one layer share it. */
  readonly source: number;
  readonly command: number;
  readonly rows: RowRange;
}

export interface Emitted {
  readonly commands: readonly Command[];
  /** By layer index of the commands. */
  readonly layers: readonly EmittedLayer[];
}

export function emitProgram(
  lowered: LoweredGraph,
  plan: MemoryPlan,
  addresses: readonly ImageAddresses[],
  packed: boolean,
  geometry: OverlayGeometry,
): Emitted {
  const commands: Command[] = [];
  const layers: EmittedLayer[] = [];
  const context: TransferContext = { geometry, input: lowered.input.buffer, packed, scratch: plan.scratch };
  lowered.layers.forEach((layer, source) => {
    const memory = plan.layers[source];
    const all: RowRange = { first: 0, end: outputShape(layer)[0] };
    for (const buffer of memory.loads) {
      commands.push(loadRows(context, buffer, whole(buffer), memory.bases.get(buffer)!, layers.length));
    }
    for (const rows of memory.bands?.bands ?? [all]) emitBand(layer, source, memory, rows);
    const index = layers.length - 1;
    for (const buffer of memory.stores) {
      commands.push(storeScratch(context, buffer, whole(buffer), memory.bases.get(buffer)!, index));
    }
    const { output } = lowered;
    if (memory.storesOutput && !memory.bands?.streamed.has(output.buffer)) {
      const base = memory.bases.get(output.buffer)!;
      commands.push(storeOutput(context, output, whole(output.buffer), base, index));
    }
  });
  commands.push({ opcode: "END" });
  return { commands, layers };

  function emitBand(layer: EngineLayer, source: number, memory: LayerMemory, rows: RowRange): void {
    const index = layers.length;
    for (const buffer of memory.bandLoads) {
      const loaded = rowsLoaded(layer, buffer, rows, packed, geometry);
      commands.push(loadRows(context, buffer, loaded, memory.bases.get(buffer)!, index));
    }
    // Where row `first` of a buffer lies: streamed buffers hold only the rows of this band.
    const baseOf = (buffer: ActivationBuffer, first: number) => {
      const held = memory.bands?.streamed.has(buffer)
        ? rowsLoaded(layer, buffer, rows, packed, geometry).first
        : 0;
      return memory.bases.get(buffer)! + activationRowsOf(buffer, first - held, geometry);
    };
    layers.push({ layer, source, command: commands.length, rows });
    commands.push(computeCommand(layer, index, rows, baseOf, addresses[source]));
    for (const buffer of memory.bandStores) {
      commands.push(storeScratch(context, buffer, rows, memory.bases.get(buffer)!, index));
    }
    if (memory.storesOutput && memory.bands?.streamed.has(lowered.output.buffer)) {
      const base = memory.bases.get(lowered.output.buffer)!;
      commands.push(storeOutput(context, lowered.output, rows, base, index));
    }
  }
}

function whole(buffer: ActivationBuffer): RowRange {
  return { first: 0, end: buffer.height };
}

function computeCommand(
  layer: EngineLayer,
  index: number,
  rows: RowRange,
  baseOf: (buffer: ActivationBuffer, row: number) => number,
  addresses: ImageAddresses,
): ComputeCommand {
  const { inputs, outputs, window, padValue, requantize } = layer;
  const [input] = inputs;
  const banded = rows.end - rows.first < outputShape(layer)[0];
  const touched = banded ? rowsTouched(layer, input.buffer, rows) : whole(input.buffer);
  const top = rows.first * window.stride[0] - window.padding.top;
  const shape: Shape = outputShape(layer);
  const view = (stored: Stored, row: number) => ({
    base: baseOf(stored.buffer, row) + stored.firstWord,
    pitch: stored.buffer.words,
  });
  const from = view(input, touched.first);
  const to = outputs.map((stored) => view(stored, rows.first));
  const common = {
    layer: index,
    inBase: from.base,
    inPitch: from.pitch,
    inHeight: touched.end - touched.first,
    inWidth: input.shape[1],
    inChannels: input.shape[2],
    outChannels: shape[2],
    out0Base: to[0].base,
    out0Pitch: to[0].pitch,
    out1Base: to[1]?.base ?? 0,
    out1Pitch: to[1]?.pitch ?? 0,
    outHeight: rows.end - rows.first,
    outWidth: shape[1],
    parametersOffset: addresses.parameters,
    tablesOffset: addresses.tables,
    roundingA: roundingCodes[requantize.roundingA],
    roundingB: roundingCodes[requantize.roundingB],
    clampEnable: requantize.clamp === undefined ? 0 : 1,
    tableEnable0: requantize.tables.length > 0 ? 1 : 0,
    tableEnable1: requantize.tables.length > 1 ? 1 : 0,
    output1Enable: outputs.length > 1 ? 1 : 0,
    outputZeroPoint: requantize.outputZeroPoint,
    clampMin: requantize.clamp?.min ?? 0,
    clampMax: requantize.clamp?.max ?? 0,
    outputMin: requantize.outputMin,
    outputMax: requantize.outputMax,
  };
  const bandWindow = { ...window, padding: { ...window.padding, top: touched.first - top } };
  if (layer.opcode === "ADD") {
    const second = view(inputs[1], rows.first);
    return {
      opcode: "ADD",
      ...common,
      in1Base: second.base,
      in1Pitch: second.pitch,
      addendsOffset: addresses.addends,
    };
  }
  if (layer.opcode === "POOL") {
    return { opcode: "POOL", ...common, ...windowFields(bandWindow, padValue), pool: poolCodes[layer.pool] };
  }
  return {
    opcode: layer.opcode,
    ...common,
    ...windowFields(bandWindow, padValue),
    weightZeroPoint: layer.weights!.zeroPoint,
    weightsOffset: addresses.weights,
    weightsBytes: addresses.weightsBytes,
    codec: addresses.codec,
  };
}
