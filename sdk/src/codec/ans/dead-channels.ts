/**
 * Channels without any weight but zero, as pruning leaves them: they go to a class in which zero is certain and costs
 * nothing, and the fitting sees only the layer that is left.
 */
import type { LayerWeights } from "../types.js";
import type { Fit } from "./fit.js";
import { extremes } from "./fit-axis.js";
import { fitsHeader, headerOffsets } from "./header.js";
import type { FitLayer, Offsets } from "./weight-passes.js";

/** The channels of a layer that hold other weights than zero. */
export interface LiveChannels {
  readonly outputs: Uint32Array;
  readonly inputs: Uint32Array;
}

/** undefined where all are alive, or none. */
export function liveChannels({ outputs, inputs, values, rowInput }: FitLayer): LiveChannels | undefined {
  const rows = rowInput.length;
  const output = new Uint8Array(outputs);
  const input = new Uint8Array(inputs);
  for (let own = 0, at = 0; own < outputs; own += 1) {
    for (let row = 0; row < rows; row += 1, at += 1) {
      if (values[at] === 0) continue;
      output[own] = 1;
      input[rowInput[row]] = 1;
    }
  }
  const live = { outputs: indicesOf(output), inputs: indicesOf(input) };
  if (live.outputs.length === 0) return undefined;
  return live.outputs.length < outputs || live.inputs.length < inputs ? live : undefined;
}

function indicesOf(flags: Uint8Array): Uint32Array {
  return Uint32Array.from(flags.keys()).filter((index) => flags[index] !== 0);
}

/** Weights of a layer in channels of nothing but zeros. */
export function deadWeights({ weights, layout }: LayerWeights): number {
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layout;
  const rows = inputs * kernelHeight * kernelWidth;
  const liveOutput = new Uint8Array(Math.min(outputs, outputTile));
  const liveInput = new Uint8Array(inputs);
  let sleepingInputs = inputs;
  let liveOutputs = 0;
  for (let first = 0; first < outputs; first += outputTile) {
    const width = Math.min(outputTile, outputs - first);
    let sleeping = width;
    let at = first * rows;
    for (let row = 0; row < rows && sleeping + sleepingInputs > 0; row += 1) {
      const input = row % inputs;
      for (let own = 0; own < width; own += 1, at += 1) {
        if (weights[at] === 0) continue;
        sleeping -= 1 - liveOutput[own];
        sleepingInputs -= 1 - liveInput[input];
        liveOutput[own] = 1;
        liveInput[input] = 1;
      }
    }
    liveOutput.fill(0);
    liveOutputs += width - sleeping;
  }
  return weights.length - liveOutputs * (inputs - sleepingInputs) * kernelHeight * kernelWidth;
}

/** The layer without its dead channels. */
export function withoutDead(layer: FitLayer, live: LiveChannels): FitLayer {
  const place = new Int32Array(layer.inputs).fill(-1);
  live.inputs.forEach((input, index) => {
    place[input] = index;
  });
  const kept = Uint32Array.from(layer.rowInput.keys()).filter((row) => place[layer.rowInput[row]] >= 0);
  const rows = layer.rowInput.length;
  const values = new Uint8Array(live.outputs.length * kept.length);
  let at = 0;
  for (const output of live.outputs) {
    const from = output * rows;
    for (const row of kept) {
      values[at] = layer.values[from + row];
      at += 1;
    }
  }
  return {
    ...layer,
    outputs: live.outputs.length,
    inputs: live.inputs.length,
    values,
    rowInput: Uint16Array.from(kept, (row) => place[layer.rowInput[row]]),
    rowTap: Uint16Array.from(kept, (row) => layer.rowTap[row]),
  };
}

/** Input offsets of the live channels only. */
export function liveOffsets({ a, b, c }: Offsets, { inputs }: LiveChannels): Offsets {
  return { a, b: Int32Array.from(inputs, (input) => b[input]), c };
}

/** Offsets of all channels, dead ones anywhere: what an earlier fit of the live ones says about another sample. */
export function spreadInputs(b: Int32Array, inputs: number, live: LiveChannels): Int32Array {
  const all = new Int32Array(inputs);
  live.inputs.forEach((input, index) => {
    all[input] = b[index];
  });
  return all;
}

/**
 * Offsets of all channels where class 0 is the one of certain zeros and the live ones have classes of 1 and more: dead channels
 * lie so low that whatever is added stays at or below 0. undefined where that would not fit the header.
 */
export function withDead(fit: Fit, layer: FitLayer, live: LiveChannels): Offsets | undefined {
  const [[leastA, mostA], [leastB, mostB], [, mostC]] = [fit.a, fit.b, fit.c].map(extremes);
  const a = new Int32Array(layer.outputs).fill(Math.min(leastA, -mostB - mostC));
  const b = new Int32Array(layer.inputs).fill(Math.min(leastB, -mostA - mostC));
  live.outputs.forEach((output, index) => {
    a[output] = fit.a[index];
  });
  live.inputs.forEach((input, index) => {
    b[input] = fit.b[index];
  });
  const offsets = { a, b, c: fit.c };
  return fitsHeader(headerOffsets(offsets, 0)) ? offsets : undefined;
}
