/** MaxPool, AveragePool and GlobalAveragePool. */
import type { Shape, Window } from "../../../graph/types.js";
import { hasPadding, noPadding, windowOutputShape } from "../../../graph/window.js";
import { integerAttribute, integersAttribute } from "../attributes.js";
import { isQuant, nodeError, type OnnxNode, readers } from "../model.js";
import type { Lowering, Value } from "./lowering.js";
import { singleExponent } from "./lowering.js";
import { windowOf } from "./window.js";

export function lowerMaxPool(lowering: Lowering, node: OnnxNode): void {
  const input = picture(lowering, node);
  const { shape, zeroPoint } = lowering.tensor(input);
  const window = windowOf(node, shape, kernelOf(node));
  lowering.emit(node, { kind: "max-pool", ...window }, [input], {
    shape: windowOutputShape(shape, window, shape[2]),
    exponents: input.exponents,
    zeroPoint,
    rank: 4,
  });
}

export function lowerAveragePool(lowering: Lowering, node: OnnxNode): void {
  const input = picture(lowering, node);
  const { shape } = lowering.tensor(input);
  const window = windowOf(node, shape, kernelOf(node));
  const countsPadding = integerAttribute(node, "count_include_pad", 0) !== 0;
  if (countsPadding && hasPadding(window.padding)) {
    if (integerAttribute(node, "ceil_mode", 0) !== 0) {
      throw nodeError(node, "unsupported-pool", "ceil_mode with count_include_pad cannot be imported.", {
        hint: "Export the pool with ceil_mode = 0.",
      });
    }
    averageOf(lowering, node, padded(lowering, node, input, window), { ...window, padding: noPadding });
    return;
  }
  averageOf(lowering, node, input, window);
}

export function lowerGlobalAveragePool(lowering: Lowering, node: OnnxNode): void {
  const input = picture(lowering, node);
  const [height, width] = lowering.tensor(input).shape;
  averageOf(lowering, node, input, {
    kernel: [height, width],
    stride: [1, 1],
    dilation: [1, 1],
    padding: noPadding,
  });
}

/** Waits for the Quants behind it; without them the average must be exact by itself. */
function averageOf(lowering: Lowering, node: OnnxNode, input: Value, window: Window): void {
  const { shape } = lowering.tensor(input);
  const output: Shape = windowOutputShape(shape, window, shape[2]);
  const [name = ""] = node.outputs;
  const followers = readers(lowering.model, name);
  if (followers.length > 0 && followers.every(isQuant) && name !== lowering.model.output) {
    lowering.pendingAverages.set(name, { node, input, window, shape: output });
    return;
  }
  const count = window.kernel[0] * window.kernel[1];
  if (hasPadding(window.padding) || 2 ** Math.round(Math.log2(count)) !== count) {
    throw nodeError(node, "average-not-quantized", "An average is used without a Quant behind it.", {
      hint: "An average is no integer: put a Quant right behind the pool.",
    });
  }
  // The mean of 2^k integers is their sum on a grid k bits finer: exact without rounding.
  const { min, max, zeroPoint } = lowering.tensor(input);
  const clamp = { min: (min - zeroPoint) * count, max: (max - zeroPoint) * count };
  lowering.emit(
    node,
    {
      kind: "average-pool",
      ...window,
      inputZeroPoint: zeroPoint,
      numerator: count,
      denominator: 1,
      rounding: "half-even",
      zeroPoint: 0,
      clamp,
    },
    [input],
    {
      shape: output,
      exponents: Int32Array.of(singleExponent(node, input) - Math.round(Math.log2(count))),
      zeroPoint: 0,
      rank: 4,
    },
  );
}

/** count_include_pad averages over zeros as well: pad first, then pool without padding. */
function padded(lowering: Lowering, node: OnnxNode, input: Value, { padding }: Window): Value {
  const { shape, zeroPoint } = lowering.tensor(input);
  const { top, bottom, left, right } = padding;
  return lowering.emit(
    node,
    { kind: "pad", padding },
    [input],
    {
      shape: [shape[0] + top + bottom, shape[1] + left + right, shape[2]],
      exponents: input.exponents,
      zeroPoint,
      rank: 4,
    },
    `${node.outputs[0]}:padded`,
  );
}

function picture(lowering: Lowering, node: OnnxNode): Value {
  const input = lowering.input(node);
  if (input.rank === 4) return input;
  throw nodeError(node, "shape-mismatch", "A pool needs a picture, not a flat row.", {
    expected: "[1, channels, height, width]",
  });
}

function kernelOf(node: OnnxNode): readonly [number, number] {
  const kernel = integersAttribute(node, "kernel_shape", 2);
  if (kernel) return [kernel[0], kernel[1]];
  throw nodeError(node, "bad-attribute", 'The attribute "kernel_shape" is missing.');
}
