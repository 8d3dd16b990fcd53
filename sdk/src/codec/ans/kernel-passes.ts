/** The encoder's passes over weights in WebAssembly; what does not fit in its memory goes the plain way. */
import type { WeightLayout } from "../types.js";
import { type ClassCosts, PADDING } from "./class-costs.js";
import { fastWeightsCrc, KernelMemory } from "./kernel-memory.js";
import { plainPasses } from "./plain-passes.js";
import { forEachPredictedBlock } from "./prediction.js";
import { CHANGES, type FitLayer, RADIUS, sharedOffsets, type WeightPasses } from "./weight-passes.js";

/** The kernels read this far behind a value's prices. */
const PRICE_PADDING = 64;
/** Widest range of offsets, in vectors of four. */
const MOST_VECTORS = 20;

/** undefined where WebAssembly is not available. */
export function kernelPasses(): WeightPasses | undefined {
  const memory = KernelMemory.shared();
  return memory ? new KernelPasses(memory) : undefined;
}

/** Where a layer and its costs lie. */
interface Place {
  readonly layer: FitLayer;
  readonly costs: ClassCosts;
  readonly layout: number;
  readonly values: number;
  readonly prices: number;
  readonly shared: number;
  readonly a: number;
  readonly cells: number;
  readonly sums: number;
}

class KernelPasses implements WeightPasses {
  private place: Place | undefined;

  constructor(private readonly memory: KernelMemory) {}

  readonly crc = fastWeightsCrc;

  channelOrder(demand: Uint8Array, layout: WeightLayout, center: number): Uint8Array {
    const { memory } = this;
    const addresses = memory.layOut([demand.length, demand.length]);
    if (!addresses) return plainPasses.channelOrder(demand, layout, center);
    const [from, to] = addresses;
    memory.bytes(from, demand.length).set(demand);
    const { outputs, outputTile } = layout;
    const tiles = Math.ceil(outputs / outputTile);
    const lastWidth = outputs - (tiles - 1) * outputTile;
    const rows = demand.length / outputs;
    memory.kernels.toChannelOrder(from, tiles, rows, outputTile, lastWidth, center, to);
    return memory.bytes(to, demand.length).slice();
  }

  differences(...[demand, layout, prediction, center]: Parameters<WeightPasses["differences"]>): Int8Array {
    const { memory } = this;
    const address = memory.layOut([demand.length])?.[0];
    if (address === undefined) return plainPasses.differences(demand, layout, prediction, center);
    memory.bytes(address, demand.length).set(new Uint8Array(demand.buffer, demand.byteOffset, demand.length));
    forEachPredictedBlock(layout, prediction, center, false, (block) => {
      const { from, count, left, top, corner, c0, c1, c2, round } = block;
      memory.kernels.predict(address + from, count, left, top, corner, c0, c1, c2, round, -1);
    });
    return new Int8Array(memory.bytes(address, demand.length).slice().buffer);
  }

  sumsByChange(...all: Parameters<WeightPasses["sumsByChange"]>): Int32Array {
    const [layer, costs, offsets, axis, strides] = all;
    const place = this.layOut(layer, costs);
    if (!place) return plainPasses.sumsByChange(...all);
    const { memory } = this;
    const { outputs, inputs, taps, rowInput, rowTap } = layer;
    const rows = rowInput.length;
    memory.integers(place.a, outputs).set(offsets.a);
    memory.integers(place.shared, rows).set(sharedOffsets(layer, offsets));
    const { values, shared, a, cells, prices, sums } = place;
    const { span } = costs;
    const limits = [PADDING - RADIUS, span - CHANGES] as const;
    const { sumsOfCells, sumsOfOutputs } = memory.kernels;
    if (axis === "a") {
      sumsOfOutputs(values, outputs, rows, strides.row, shared, a, prices, span, ...limits, sums);
      return memory.integers(sums, outputs * CHANGES);
    }
    memory.words(cells, rows).set(axis === "b" ? rowInput : rowTap);
    const found = memory.integers(sums, (axis === "b" ? inputs : taps) * CHANGES).fill(0);
    const rest = [a, cells, prices, span, ...limits, sums] as const;
    sumsOfCells(values, outputs, strides.output, rows, strides.row, shared, ...rest);
    return found;
  }

  sumsByOffset(...all: Parameters<WeightPasses["sumsByOffset"]>): Int32Array {
    const [layer, costs, shared, lowest, width, rowStride] = all;
    const vectors = Math.ceil(width / 4);
    const place = vectors <= MOST_VECTORS ? this.layOut(layer, costs) : undefined;
    if (!place) return plainPasses.sumsByOffset(...all);
    const { memory } = this;
    const { outputs } = layer;
    const rows = shared.length;
    const { values, prices, sums } = place;
    memory.integers(place.shared, rows).set(shared);
    const rest = [place.shared, prices, costs.span, PADDING + lowest, vectors, sums] as const;
    memory.kernels.sumsOfRange(values, outputs, rows, rowStride, ...rest);
    const found = memory.integers(sums, outputs * vectors * 4);
    for (let output = 1; output < outputs && width % 4 > 0; output += 1) {
      found.copyWithin(output * width, output * vectors * 4, output * vectors * 4 + width);
    }
    return found.subarray(0, outputs * width);
  }

  outputCosts(...all: Parameters<WeightPasses["outputCosts"]>): Float64Array {
    const [layer, costs, a, shared, outputStride] = all;
    const place = this.layOut(layer, costs);
    if (!place) return plainPasses.outputCosts(...all);
    const { memory } = this;
    const { outputs } = layer;
    const rows = shared.length;
    memory.integers(place.a, outputs).set(a);
    memory.integers(place.shared, rows).set(shared);
    const { values, prices, sums } = place;
    const rest = [place.shared, place.a, prices, costs.span, PADDING, sums] as const;
    memory.kernels.costsOfOutputs(values, outputs, outputStride, rows, ...rest);
    return memory.doubles(sums, Math.ceil(outputs / outputStride));
  }

  /** Puts a layer and costs where the last pass left them, or anew. */
  private layOut(layer: FitLayer, costs: ClassCosts): Place | undefined {
    const { memory, place } = this;
    if (place?.layer === layer && place.costs === costs && place.layout === memory.layout) return place;
    const { outputs, inputs, taps, values: own, rowInput } = layer;
    const rows = rowInput.length;
    const addresses = memory.layOut([
      own.length,
      costs.byValue.byteLength + PRICE_PADDING,
      rows * 4,
      outputs * 4,
      rows * 2,
      Math.max(4 * CHANGES * Math.max(inputs, taps), 16 * MOST_VECTORS * outputs),
    ]);
    if (!addresses) return undefined;
    const [values, prices, shared, a, cells, sums] = addresses;
    memory.bytes(values, own.length).set(own);
    memory.integers(prices, costs.byValue.length).set(costs.byValue);
    this.place = { layer, costs, layout: memory.layout, values, prices, shared, a, cells, sums };
    return this.place;
  }
}
