/**
 * Quant nodes of constants (weights, biases) are evaluated here, once.
 *
 * A constant in an integer type already holds the quantised integers, although it feeds a Quant with a scale below
 * one: taken literally that node would saturate them. The value meant is (integer - zero point) * scale.
 */
import { isQuant, nodeError, type OnnxModel, type OnnxNode, type QuantizedConstant } from "../model.js";
import { type QuantParameters, quantizeValue, quantParameters } from "../quant-parameters.js";

export function foldConstantQuants(model: OnnxModel): void {
  let held = 0;
  model.nodes = model.nodes.filter((node) => {
    const constant = isQuant(node) ? model.constants.get(node.inputs[0] ?? "") : undefined;
    if (constant === undefined) return true;
    const quant = quantParameters(model, node);
    const axis = constant.dims.length - quant.axisFromEnd;
    const channels = quant.exponents.length === 1 ? 1 : (constant.dims[axis] ?? 0);
    if (quant.exponents.length !== channels) {
      throw nodeError(node, "bad-scale-shape", "The scales of a Quant node do not fit its tensor.", {
        expected: `1 or ${channels}`,
        found: `${quant.exponents.length}`,
      });
    }
    if (constant.isInteger) held += 1;
    const integers = constant.isInteger
      ? heldIntegers(constant.values, quant, node)
      : rounded(constant.values, quant, channels === 1 ? 1 : innerSize(constant.dims, axis));
    const { exponents, zeroPoint, bits, signed } = quant;
    const folded: QuantizedConstant = {
      dims: constant.dims,
      integers,
      exponents,
      axis: Math.max(0, axis),
      zeroPoint,
      bits,
      signed,
    };
    model.quantized.set(node.outputs[0] ?? "", folded);
    return false;
  });
  if (held > 0) {
    model.notes.push(
      `${held} constants are stored as integers; they are taken as already quantised (value = integer x scale).`,
    );
  }
}

function rounded(values: Float64Array, quant: QuantParameters, inner: number): Int32Array {
  const scales = Float64Array.from(quant.exponents, (exponent) => 2 ** exponent);
  return Int32Array.from(values, (value, index) =>
    quantizeValue(value, scales[Math.floor(index / inner) % scales.length], quant),
  );
}

function heldIntegers(values: Float64Array, quant: QuantParameters, node: OnnxNode): Int32Array {
  const outside = values.find((value) => value < quant.min || value > quant.max);
  if (outside === undefined) return Int32Array.from(values);
  throw nodeError(node, "integer-out-of-range", "An integer constant does not fit its Quant's bit width.", {
    expected: `${quant.min}..${quant.max}`,
    found: String(outside),
  });
}

/** Elements between two neighbours along an axis. */
function innerSize(dims: readonly number[], axis: number): number {
  return dims.slice(axis + 1).reduce((product, size) => product * size, 1);
}
