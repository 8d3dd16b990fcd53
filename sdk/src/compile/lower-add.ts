/** Additions: both inputs scaled by tables over their codes, built with the node's own two roundings. */
import type { AddendScale, AddNode } from "../graph/types.js";
import type { Accumulator } from "./accumulate.js";
import { type GraphIndex, layerName, refuse } from "./consumers.js";
import { clamp, evaluateStage, type Interval, isUniform } from "./rounding.js";
import type { Readable, Storage } from "./storage.js";

export function lowerAdd(node: AddNode, index: GraphIndex, storage: Storage): Accumulator {
  const readables = node.inputs.map((input) => storage.read(input));
  const [first, second] = readables;
  const shape = first.stored.shape;
  if (!shape.every((size, axis) => size === second.stored.shape[axis])) {
    refuse("add-shapes", node, "An addition's inputs differ in shape.", {
      expected: `[${shape}]`,
      found: `[${second.stored.shape}]`,
    });
  }
  const tables = readables.map((readable, side) => addendTable(node, node.scales[side], readable));
  const addends = new Int32Array(512);
  tables.forEach(({ entries }, side) => {
    addends.set(entries, side * 256);
  });
  const [a, b] = tables.map(({ range }) => range);
  return {
    name: layerName(index, node),
    kind: "add",
    opcode: "ADD",
    pool: "max",
    inputs: readables.map(({ stored }) => stored),
    window: {
      kernel: [1, 1],
      stride: [1, 1],
      dilation: [1, 1],
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
    },
    padValue: 0,
    addends,
    shape,
    bias: [0],
    range: [{ min: a.min + b.min, max: a.max + b.max }],
    leftShift: 0,
    tile: 1,
    macs: 0,
  };
}

function addendTable(
  node: AddNode,
  scale: AddendScale,
  { stored, values }: Readable,
): { entries: Int32Array; range: Interval } {
  for (const stage of [scale.stageA, scale.stageB]) {
    if (stage === undefined || isUniform(stage)) continue;
    refuse("per-channel-scale", node, "An addition's input has one scale per channel.", {
      hint: "Use one scale for the tensor.",
    });
  }
  const codes = { min: stored.tensor.min - stored.offset, max: stored.tensor.max - stored.offset };
  const entries = new Int32Array(256);
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let code = -128; code <= 127; code += 1) {
    // Codes the tensor never takes repeat its nearest one, so that the proven range stays narrow.
    const taken = clamp(code, codes);
    const value = values === undefined ? taken + stored.offset : values[taken + 128];
    const shifted = BigInt(value - scale.zeroPoint) << BigInt(scale.leftShift);
    const first = evaluateStage(scale.stageA, shifted);
    const addend = Number(scale.stageB === undefined ? first : evaluateStage(scale.stageB, first));
    entries[code + 128] = addend;
    min = Math.min(min, addend);
    max = Math.max(max, addend);
  }
  return { entries, range: { min, max } };
}
