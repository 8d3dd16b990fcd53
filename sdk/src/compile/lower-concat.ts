/**
 * Concatenations. Members are written in place by their producers: equal pitch, different first words. Two cases need
 * a pass of their own:
 *   copy    a member that also lies elsewhere (concatenated twice, or the graph's input)
 *   gather  members that do not fill whole words leave holes between them; a 1x1 convolution with one weight of 1 per
 *           output channel closes them
 */
import type { ConcatNode } from "../graph/types.js";
import { channelWords } from "../overlay/activation-layout.js";
import { engineTile } from "../overlay/engine-order.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { toDemandOrder } from "../overlay/weight-order.js";
import type { Accumulator } from "./accumulate.js";
import { tensorOf } from "./consumers.js";
import { type Stored, unitWindow } from "./engine-layer.js";
import { bindStored, copyStored, finishLayer, type LoweringState } from "./finish-layer.js";
import { lookupRoot } from "./lower-pool.js";

export function lowerConcat(state: LoweringState, node: ConcatNode, geometry: OverlayGeometry): void {
  const { index, storage } = state;
  const { buffer, firstWord, offset, gathered } = storage.concatPlace(node);
  const tensor = tensorOf(index, node.output);
  let word = firstWord;
  /** Physical channel of every channel of the concatenation. */
  const sources: number[] = [];
  node.inputs.forEach((input, member) => {
    const from = storage.readExact(input);
    if (from.buffer !== buffer || from.firstWord !== word) {
      copyStored(state, `${node.name} (member ${member})`, from, {
        ...from,
        buffer,
        firstWord: word,
        offset,
      });
    }
    for (let channel = 0; channel < from.shape[2]; channel += 1) {
      sources.push((word - firstWord) * geometry.inputs + channel);
    }
    word += channelWords(from.shape[2], geometry);
  });
  const [height, width] = tensor.shape;
  if (!gathered) {
    bindStored(state, node.output, { tensor, buffer, firstWord, shape: tensor.shape, offset });
    return;
  }
  const channels = (word - firstWord) * geometry.inputs;
  const holed = { tensor, buffer, firstWord, shape: [height, width, channels] as const, offset };
  finishLayer(state, gather(node.name, holed, sources, geometry), lookupRoot({ stored: holed }, node.output));
}

function gather(
  name: string,
  from: Stored,
  sources: readonly number[],
  geometry: OverlayGeometry,
): Accumulator {
  const [height, width, inputs] = from.shape;
  const outputs = sources.length;
  const tile = engineTile(geometry);
  const layout = { outputs, inputs, kernelHeight: 1, kernelWidth: 1, outputTile: tile };
  const weights = new Int8Array(outputs * inputs);
  sources.forEach((source, output) => {
    weights[output * inputs + source] = 1;
  });
  return {
    name,
    kind: "convolution",
    opcode: "CONV",
    pool: "max",
    inputs: [from],
    window: unitWindow,
    padValue: 0,
    weights: { layout, values: toDemandOrder(weights, layout), zeroPoint: 0 },
    shape: [height, width, outputs],
    bias: sources.map(() => 0),
    range: sources.map(() => ({ min: -128, max: 127 })),
    leftShift: 0,
    tile,
    macs: 0,
  };
}
