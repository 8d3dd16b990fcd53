/** Max pools, average pools and padding as POOL passes. */
import type { AveragePoolNode, MaxPoolNode, PadNode, Window } from "../graph/types.js";
import type { Accumulator } from "./accumulate.js";
import { averageStages } from "./average-ratio.js";
import { type GraphIndex, refuse, tensorOf } from "./consumers.js";
import { type Stored, unitWindow } from "./engine-layer.js";
import { outputPlane, withUsedStrides } from "./lower-convolution.js";
import type { CodeRoot, RequantizeRoot, TableRoot } from "./requantize-roots.js";
import { compose } from "./requantize-roots.js";
import type { Readable, Storage } from "./storage.js";

export interface LoweredPool {
  readonly accumulator: Accumulator;
  readonly root: RequantizeRoot;
}

export function lowerMaxPool(node: MaxPoolNode, index: GraphIndex, storage: Storage): LoweredPool {
  const readable = storage.read(node.inputs[0]);
  requireShape(node, index, readable.stored);
  const accumulator = maxAccumulator(node.name, node, readable.stored, -128);
  return { accumulator, root: lookupRoot(readable, node.output) };
}

/** Padding that no consumer could take into its window: a 1x1 maximum that reads the zero point outside. */
export function lowerPad(node: PadNode, index: GraphIndex, storage: Storage): LoweredPool {
  const stored = storage.readExact(node.inputs[0]);
  requireShape(node, index, stored);
  const padValue = tensorOf(index, node.inputs[0]).zeroPoint - stored.offset;
  const window = { ...unitWindow, padding: node.padding };
  const root = lookupRoot({ stored }, node.output);
  if (padValue < root.domain.min || padValue > root.domain.max) {
    refuse("zero-point-range", node, "The zero point of a padded tensor lies outside its range.", {
      expected: `${stored.tensor.min}..${stored.tensor.max}`,
      found: String(padValue + stored.offset),
      hint: "Widen the tensor's range to include its zero point.",
    });
  }
  return { accumulator: maxAccumulator(node.name, window, stored, padValue), root };
}

/** A 1x1 pass that rewrites every code through tables. */
export function lookupPass(name: string, stored: Stored): Accumulator {
  return maxAccumulator(name, unitWindow, stored, -128);
}

function maxAccumulator(name: string, window: Window, stored: Stored, padValue: number): Accumulator {
  const [height, width] = outputPlane(window, stored.shape);
  return {
    name,
    kind: "max-pool",
    opcode: "POOL",
    pool: "max",
    inputs: [stored],
    window: withUsedStrides(window, height, width),
    padValue,
    shape: [height, width, stored.shape[2]],
    bias: [0],
    range: [{ min: -128, max: 127 }],
    leftShift: 0,
    tile: 1,
    macs: 0,
  };
}

/** y is the code itself. */
export function lookupRoot(readable: Readable, output: number): TableRoot {
  const { stored } = readable;
  const min = Math.max(-128, stored.tensor.min - stored.offset);
  const max = Math.min(127, stored.tensor.max - stored.offset);
  const values = Int32Array.from({ length: max - min + 1 }, (_, point) =>
    readable.values === undefined ? min + point + stored.offset : readable.values[min + point + 128],
  );
  return {
    kind: "table",
    stageA: { multiplier: Int32Array.of(1), shift: Uint8Array.of(0), rounding: "half-up" },
    inputZeroPoint: 0,
    domain: { min, max },
    roots: [{ tensor: output, values }],
  };
}

export function lowerAveragePool(node: AveragePoolNode, index: GraphIndex, storage: Storage): LoweredPool {
  const stored = storage.readExact(node.inputs[0]);
  requireShape(node, index, stored);
  const window = withoutUnusedPadding(node, stored);
  const count = node.kernel[0] * node.kernel[1];
  const input = tensorOf(index, node.inputs[0]);
  const sums = {
    min: count * (input.min - node.inputZeroPoint),
    max: count * (input.max - node.inputZeroPoint),
  };
  const { stageA, stageB } = averageStages(node, count, sums);
  const [height, width] = outputPlane(window, stored.shape);
  const accumulator: Accumulator = {
    name: node.name,
    kind: "average-pool",
    opcode: "POOL",
    pool: "average",
    inputs: [stored],
    window: withUsedStrides(window, height, width),
    padValue: 0,
    shape: [height, width, stored.shape[2]],
    bias: [count * (stored.offset - node.inputZeroPoint)],
    range: [sums],
    leftShift: 0,
    tile: 1,
    macs: 0,
  };
  const { zeroPoint } = node;
  if (stageB !== undefined) {
    const root: CodeRoot = {
      kind: "code",
      stageA,
      stageB,
      inputZeroPoint: 0,
      tensor: node.output,
      zeroPoint,
      clamp: node.clamp,
    };
    return { accumulator, root };
  }
  const domain = compose([{ min: node.clamp.min - zeroPoint, max: node.clamp.max - zeroPoint }]);
  const values = Int32Array.from(
    { length: domain.max - domain.min + 1 },
    (_, point) => domain.min + point + zeroPoint,
  );
  const roots = [{ tensor: node.output, values }];
  return { accumulator, root: { kind: "table", stageA, inputZeroPoint: 0, domain, roots } };
}

/** Padding at the bottom and right that no window reaches is dropped; any other changes the counts. */
function withoutUnusedPadding(node: AveragePoolNode, stored: Stored): Window {
  const { padding, kernel, stride, dilation } = node;
  const [height, width, channels] = stored.shape;
  const [rows, columns] = outputPlane(node, [height, width, channels]);
  const lastRow = (rows - 1) * stride[0] + dilation[0] * (kernel[0] - 1);
  const lastColumn = (columns - 1) * stride[1] + dilation[1] * (kernel[1] - 1);
  if (padding.top === 0 && padding.left === 0 && lastRow < height && lastColumn < width) {
    // Keep the output plane: the window count follows from it, not from the padding.
    return node;
  }
  return refuse("average-padding", node, "An average pool over padding divides by a count that varies.", {
    expected: "windows that lie inside the input",
    found: `padding ${padding.top}, ${padding.bottom}, ${padding.left}, ${padding.right}`,
    hint: "Use an average pool without padding.",
  });
}

function requireShape(
  node: MaxPoolNode | AveragePoolNode | PadNode,
  index: GraphIndex,
  stored: Stored,
): void {
  const shape = tensorOf(index, node.inputs[0]).shape;
  if (shape.every((size, axis) => size === stored.shape[axis])) return;
  refuse("reshape", node, "This operation reads a tensor through a reshape.", {
    expected: `[${stored.shape}]`,
    found: `[${shape}]`,
    hint: "Remove the reshape before this layer.",
  });
}
