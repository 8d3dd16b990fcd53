/** MAX_POOL_2D and AVERAGE_POOL_2D, on stored integers: the kernels never look at scale or zero point. */
import { windowOutputShape } from "../../graph/window.js";
import type { Lowering } from "./lowering.js";
import type { TfliteOperator } from "./model.js";
import { poolOptions } from "./schema.js";
import { slidingWindow } from "./sliding-window.js";

export function lowerPool(lowering: Lowering, operator: TfliteOperator): void {
  const { id, tensor, activation: input } = lowering.input(operator);
  const output = lowering.output(operator);
  lowering.requireRank4(operator, input.source);
  lowering.requireRank4(operator, output.source);
  lowering.requireSameQuantization(operator, input, output);
  const option = (field: number) => operator.options?.int32(field) ?? 0;
  const window = slidingWindow(lowering, operator, {
    input: input.shape,
    kernel: [option(poolOptions.filterHeight), option(poolOptions.filterWidth)],
    stride: [option(poolOptions.strideHeight), option(poolOptions.strideWidth)],
    dilation: [1, 1],
    padding: operator.options?.int8(poolOptions.padding) ?? 0,
  });
  lowering.requireShape(operator, windowOutputShape(input.shape, window, input.shape[2]), output);
  const fused = lowering.fusedRange(operator, operator.options?.int8(poolOptions.activation) ?? 0, output);
  const clip = (value: number) => Math.min(Math.max(value, fused.min), fused.max);
  const range = { min: clip(tensor.min), max: clip(tensor.max) };
  const sourceOp = operator.op;

  if (operator.op === "AVERAGE_POOL_2D") {
    const outputId = lowering.addOutput(output, range);
    lowering.nodes.push({
      ...window,
      kind: "average-pool",
      name: lowering.nodeName(lowering.tensors[outputId].name),
      sourceOp,
      inputs: [id],
      output: outputId,
      inputZeroPoint: 0,
      numerator: 1,
      denominator: 1,
      rounding: input.type === "INT8" ? "half-away" : "half-up",
      zeroPoint: 0,
      clamp: range,
    });
    return;
  }
  if (range.min === tensor.min && range.max === tensor.max) {
    const outputId = lowering.addOutput(output, range);
    const name = lowering.nodeName(lowering.tensors[outputId].name);
    lowering.nodes.push({ ...window, kind: "max-pool", name, sourceOp, inputs: [id], output: outputId });
    return;
  }
  const pooledName = `${output.source.name}/pool`;
  const pooled = lowering.addTensor({ ...tensor, name: pooledName, shape: output.shape });
  const name = lowering.nodeName(lowering.tensors[pooled].name);
  lowering.nodes.push({ ...window, kind: "max-pool", name, sourceOp, inputs: [id], output: pooled });
  const outputId = lowering.addOutput(output, range);
  lowering.nodes.push({
    kind: "clamp",
    name: lowering.nodeName(lowering.tensors[outputId].name),
    sourceOp,
    inputs: [pooled],
    output: outputId,
    ...fused,
  });
}
