/**
 * Convolution in register tiles: 4 pixels x 2 slots, where a slot is a double that carries two output channels.
 *
 * A slot's weight is low + high * 2^26, so one multiplication and one addition serve both channels; every product and
 * partial sum is an integer below 2^53 and therefore exact. At the end high = round(slot / 2^26) and
 * low = slot - high * 2^26, which is right as long as |low| < 2^25: `canPack` proves that from the weights. Layers it
 * cannot prove put one channel into a slot.
 */
import { elementCount } from "../graph/lookup.js";
import type { ConvolutionNode, Tensor } from "../graph/types.js";
import { windowOutputShape } from "../graph/window.js";
import type { ConvolutionKernel } from "./convolution.js";
import { MAX_PADDED_ELEMENTS, paddedElements, paddedInput } from "./padded-input.js";
import { windowRuns } from "./window-runs.js";

const TILE_PIXELS = 4;
const TILE_SLOTS = 2;
const HIGH = 2 ** 26;
const LOW_LIMIT = 2 ** 25;

export function canTile(node: ConvolutionNode, input: Tensor): boolean {
  return paddedElements(node, input) <= MAX_PADDED_ELEMENTS && elementCount(input.shape) > 0;
}

export function prepareTiledConvolution(node: ConvolutionNode, input: Tensor): ConvolutionKernel {
  const { stride, groups, bias } = node;
  const channels = input.shape[2];
  const outputs = bias.length;
  const [outputHeight, outputWidth] = windowOutputShape(input.shape, node, outputs);
  const padded = paddedInput(new Float64Array(paddedElements(node, input)), node, input);
  const runs = windowRuns(node, channels, padded.rowPitch);
  const perSlot = canPack(node, input) ? 2 : 1;
  const tileOutputs = TILE_SLOTS * perSlot;
  const groupOutputs = outputs / groups;
  const groupInputs = channels / groups;
  const tilesPerGroup = Math.ceil(groupOutputs / tileOutputs);
  const packed = packWeights(node, tilesPerGroup, perSlot);
  const tileWeights = runs.offsets.length * runs.length * TILE_SLOTS;
  const sums = new Float64Array(TILE_PIXELS * TILE_SLOTS);
  const corners = new Int32Array(TILE_PIXELS);
  const scale = 2 ** node.accumulatorShift;
  const store = perSlot === 2 ? storePairs(scale) : storeSingles(scale);

  return (from, to) => {
    padded.fill(from);
    for (let y = 0; y < outputHeight; y += 1) {
      const row = y * stride[0] * padded.rowPitch;
      for (let tile = 0; tile < groups * tilesPerGroup; tile += 1) {
        const group = Math.floor(tile / tilesPerGroup);
        const tileInGroup = tile % tilesPerGroup;
        const firstOutput = group * groupOutputs + tileInGroup * tileOutputs;
        const outputCount = Math.min(tileOutputs, groupOutputs - tileInGroup * tileOutputs);
        for (let x = 0; x < outputWidth; x += TILE_PIXELS) {
          const pixelCount = Math.min(TILE_PIXELS, outputWidth - x);
          for (let pixel = 0; pixel < TILE_PIXELS; pixel += 1) {
            // Pixels beyond the row repeat its last one; their sums are dropped.
            const column = Math.min(x + pixel, outputWidth - 1);
            corners[pixel] = row + column * stride[1] * channels + group * groupInputs;
          }
          sumTile(padded.values, corners, runs.offsets, runs.length, packed, tile * tileWeights, sums);
          const target = (y * outputWidth + x) * outputs + firstOutput;
          for (let pixel = 0; pixel < pixelCount; pixel += 1) {
            store(sums, pixel * TILE_SLOTS, to, target + pixel * outputs, bias, firstOutput, outputCount);
          }
        }
      }
    }
  };
}

type Store = (
  sums: Float64Array,
  firstSum: number,
  to: Int32Array,
  target: number,
  bias: Int32Array,
  firstOutput: number,
  outputCount: number,
) => void;

/** Separates the two channels of every slot of one pixel, shifts, and adds the bias. */
function storePairs(scale: number): Store {
  return (sums, firstSum, to, target, bias, firstOutput, outputCount) => {
    for (let output = 0, sum = firstSum; output < outputCount; output += 2, sum += 1) {
      const both = sums[sum];
      const high = Math.floor(both / HIGH + 0.5);
      to[target + output] = (both - high * HIGH) * scale + bias[firstOutput + output];
      if (output + 1 < outputCount) {
        to[target + output + 1] = high * scale + bias[firstOutput + output + 1];
      }
    }
  };
}

function storeSingles(scale: number): Store {
  return (sums, firstSum, to, target, bias, firstOutput, outputCount) => {
    for (let output = 0; output < outputCount; output += 1) {
      to[target + output] = sums[firstSum + output] * scale + bias[firstOutput + output];
    }
  };
}

/** The inner loop: eight accumulators that stay in registers. */
function sumTile(
  values: Float64Array,
  corners: Int32Array,
  offsets: Int32Array,
  length: number,
  weights: Float64Array,
  firstWeight: number,
  sums: Float64Array,
): void {
  let s00 = 0;
  let s01 = 0;
  let s10 = 0;
  let s11 = 0;
  let s20 = 0;
  let s21 = 0;
  let s30 = 0;
  let s31 = 0;
  let weight = firstWeight;
  for (let run = 0; run < offsets.length; run += 1) {
    const offset = offsets[run];
    const p0 = corners[0] + offset;
    const p1 = corners[1] + offset;
    const p2 = corners[2] + offset;
    const p3 = corners[3] + offset;
    // The "| 0" keep the indices 32-bit integers without overflow checks: half as fast again.
    for (let index = 0; index < length; index = (index + 1) | 0) {
      const w0 = weights[weight];
      const w1 = weights[(weight + 1) | 0];
      weight = (weight + TILE_SLOTS) | 0;
      const x0 = values[(p0 + index) | 0];
      s00 += x0 * w0;
      s01 += x0 * w1;
      const x1 = values[(p1 + index) | 0];
      s10 += x1 * w0;
      s11 += x1 * w1;
      const x2 = values[(p2 + index) | 0];
      s20 += x2 * w0;
      s21 += x2 * w1;
      const x3 = values[(p3 + index) | 0];
      s30 += x3 * w0;
      s31 += x3 * w1;
    }
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s10;
  sums[3] = s11;
  sums[4] = s20;
  sums[5] = s21;
  sums[6] = s30;
  sums[7] = s31;
}

/** Whether every partial sum of every channel stays below 2^25. */
function canPack({ weights, weightZeroPoint, bias }: ConvolutionNode, input: Tensor): boolean {
  const largest = Math.max(Math.abs(input.min - input.zeroPoint), Math.abs(input.max - input.zeroPoint));
  const perOutput = weights.length / bias.length;
  for (let output = 0; output < bias.length; output += 1) {
    let total = 0;
    for (let index = output * perOutput; index < (output + 1) * perOutput; index += 1) {
      total += Math.abs(weights[index] - weightZeroPoint);
    }
    if (total * largest >= LOW_LIMIT) return false;
  }
  return true;
}

/** [tile][tap and input, in run order][slot]; missing channels of a last tile have weight 0. */
function packWeights(node: ConvolutionNode, tilesPerGroup: number, perSlot: number): Float64Array {
  const { weights, weightZeroPoint, groups, bias } = node;
  const perOutput = weights.length / bias.length;
  const groupOutputs = bias.length / groups;
  const packed = new Float64Array(groups * tilesPerGroup * perOutput * TILE_SLOTS);
  for (let output = 0; output < bias.length; output += 1) {
    const inGroup = output % groupOutputs;
    const tileOutputs = TILE_SLOTS * perSlot;
    const tile = Math.floor(output / groupOutputs) * tilesPerGroup + Math.floor(inGroup / tileOutputs);
    const lane = inGroup % tileOutputs;
    const slot = Math.floor(lane / perSlot);
    const factor = lane % perSlot === 1 ? HIGH : 1;
    for (let index = 0; index < perOutput; index += 1) {
      packed[(tile * perOutput + index) * TILE_SLOTS + slot] +=
        (weights[output * perOutput + index] - weightZeroPoint) * factor;
    }
  }
  return packed;
}
