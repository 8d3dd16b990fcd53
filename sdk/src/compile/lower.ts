/**
 * Graph -> engine layers, in graph order. Each arithmetic node becomes one or more compute passes; the elementwise
 * nodes below it disappear into its requantisation and tables. Memory is assigned later (memory-plan.ts).
 */
import type { Graph, GraphNode } from "../graph/types.js";
import { codeOffset } from "../overlay/codes.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { indexGraph, isCode, isFoldablePad, refuse, tensorOf } from "./consumers.js";
import type { ActivationBuffer, EngineLayer, Stored } from "./engine-layer.js";
import { bindStored, finishLayer, type LoweringState } from "./finish-layer.js";
import { lowerAdd } from "./lower-add.js";
import { lowerConcat } from "./lower-concat.js";
import { lowerConvolution } from "./lower-convolution.js";
import { lowerAveragePool, lowerMaxPool, lowerPad } from "./lower-pool.js";
import { findRoots } from "./requantize-roots.js";
import { Storage } from "./storage.js";

export interface LoweredGraph {
  readonly buffers: readonly ActivationBuffer[];
  readonly layers: readonly EngineLayer[];
  readonly input: Stored;
  readonly output: Stored;
}

/** @param expandWindows let LOAD expand the windows of a first layer with few channels, where that is faster */
export function lowerGraph(graph: Graph, geometry: OverlayGeometry, expandWindows: boolean): LoweredGraph {
  const index = indexGraph(graph);
  const storage = new Storage(index, geometry, expandWindows);
  const state: LoweringState = { index, storage, layers: [] };
  const input = storeInput(state, graph);
  for (const node of graph.nodes) lowerNode(state, node, geometry);
  if (state.layers.length === 0) {
    refuse("no-layers", graph.name, "The model has no operation for the overlay.", {
      hint: "Check that the right file was imported.",
    });
  }
  return { buffers: storage.buffers, layers: state.layers, input, output: storage.readExact(graph.output) };
}

function storeInput(state: LoweringState, graph: Graph): Stored {
  const tensor = graph.tensors[graph.input];
  if (!isCode(tensor)) {
    refuse("wide-input", tensor.name, "The model's input has more than 8 bits.", {
      expected: "-128..127 or 0..255",
      found: `${tensor.min}..${tensor.max}`,
      hint: "Quantise the input to 8 bits.",
    });
  }
  const buffer = state.storage.buffer(tensor.name, tensor.shape, "input");
  const stored = { tensor, buffer, firstWord: 0, shape: tensor.shape, offset: codeOffset(tensor) };
  bindStored(state, graph.input, stored);
  return stored;
}

function lowerNode(state: LoweringState, node: GraphNode, geometry: OverlayGeometry): void {
  const { index, storage } = state;
  switch (node.kind) {
    case "convolution":
    case "add": {
      const accumulator =
        node.kind === "add"
          ? lowerAdd(node, index, storage)
          : lowerConvolution(node, index, storage, geometry);
      const channels = tensorOf(index, node.output).shape[2];
      for (const root of findRoots(index, node.output, channels)) finishLayer(state, accumulator, root);
      return;
    }
    case "max-pool":
    case "average-pool": {
      const { accumulator, root } =
        node.kind === "max-pool"
          ? lowerMaxPool(node, index, storage)
          : lowerAveragePool(node, index, storage);
      finishLayer(state, accumulator, root);
      return;
    }
    case "pad": {
      if (isFoldablePad(index, node)) return;
      const { accumulator, root } = lowerPad(node, index, storage);
      finishLayer(state, accumulator, root);
      return;
    }
    case "concat":
      lowerConcat(state, node, geometry);
      return;
    case "requantize":
    case "clamp":
    case "reshape":
    case "softmax":
      return; // part of a value tree, or the host's
  }
}
