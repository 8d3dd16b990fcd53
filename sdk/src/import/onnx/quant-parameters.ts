/**
 * The parameters of a QONNX Quant node: q = clip(round(x / scale + zeroPoint), min, max); y = (q - zeroPoint) * scale.
 * Scales must be powers of two, so that every value is an integer times 2^exponent and nothing is ever approximated.
 */
import type { Rounding } from "../../graph/types.js";
import { integerAttribute, stringAttribute } from "./attributes.js";
import { type Constant, nodeError, type OnnxModel, type OnnxNode } from "./model.js";

export interface QuantParameters {
  /** log2 of the scale: one for the tensor, or one per index along an axis. */
  readonly exponents: Int32Array;
  /** That axis, counted from the end as broadcasting does: 1 is the last one. */
  readonly axisFromEnd: number;
  readonly zeroPoint: number;
  readonly bits: number;
  readonly signed: boolean;
  readonly min: number;
  readonly max: number;
  readonly rounding: Rounding;
}

const roundingModes: Readonly<Record<string, Rounding>> = {
  ROUND: "half-even",
  HALF_EVEN: "half-even",
  HALF_UP: "half-away", // as decimal modes go: away from zero on ties
};

const MAX_BITS = 32;
const MAX_EXPONENT = 126;

/** @throws {ImportError} naming the node, when a parameter is not constant or not of the kind that stays exact. */
export function quantParameters(model: OnnxModel, node: OnnxNode): QuantParameters {
  const [scale, zeroPoint, bitWidth] = [1, 2, 3].map((index) => parameter(model, node, index));
  const bits = single(node, bitWidth, "bit width");
  if (!Number.isInteger(bits) || bits < 1 || bits > MAX_BITS) {
    throw nodeError(node, "bad-bit-width", "The bit width of a Quant node is not usable.", {
      expected: `an integer, 1..${MAX_BITS}`,
      found: String(bits),
    });
  }
  const signed = integerAttribute(node, "signed", 1) !== 0;
  const narrow = integerAttribute(node, "narrow", 0) !== 0;
  const mode = stringAttribute(node, "rounding_mode", "ROUND");
  const rounding = roundingModes[mode.toUpperCase()];
  if (rounding === undefined) {
    throw nodeError(node, "unsupported-rounding", `Rounding mode "${mode}" cannot be imported.`, {
      expected: Object.keys(roundingModes).join(", "),
      found: mode,
      hint: 'Export the model with rounding_mode "ROUND".',
    });
  }
  const min = signed ? -(2 ** (bits - 1)) + (narrow ? 1 : 0) : 0;
  const max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - (narrow ? 2 : 1);
  const zero = single(node, zeroPoint, "zero point");
  if (!Number.isInteger(zero) || zero < min || zero > max) {
    throw nodeError(node, "bad-zero-point", "The zero point of a Quant node is not usable.", {
      expected: `an integer, ${min}..${max}`,
      found: String(zero),
    });
  }
  return {
    exponents: Int32Array.from(scale.values, (value) => exponentOf(node, value)),
    axisFromEnd: axisFromEnd(node, scale),
    zeroPoint: zero,
    bits,
    signed,
    min,
    max,
    rounding,
  };
}

/** Nearest integer, ties to even; exact for every double. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return fraction > 0.5 ? floor + 1 : floor;
  return floor % 2 === 0 ? floor : floor + 1;
}

function roundHalfAway(value: number): number {
  const magnitude = Math.abs(value);
  const floor = Math.floor(magnitude);
  return Math.sign(value) * (magnitude - floor >= 0.5 ? floor + 1 : floor);
}

/** The stored integer of a real constant. */
export function quantizeValue(value: number, scale: number, quant: QuantParameters): number {
  const shifted = value / scale + quant.zeroPoint;
  const rounded = quant.rounding === "half-even" ? roundHalfEven(shifted) : roundHalfAway(shifted);
  return Math.min(Math.max(rounded, quant.min), quant.max);
}

function parameter(model: OnnxModel, node: OnnxNode, index: number): Constant {
  const names = ["x", "scale", "zero point", "bit width"];
  const constant = model.constants.get(node.inputs[index] ?? "");
  if (constant && constant.values.length > 0) return constant;
  throw nodeError(node, "not-constant", `The ${names[index]} of a Quant node is not a constant.`, {
    found: node.inputs[index] || "no input",
    hint: "Freeze the quantisation parameters before exporting.",
  });
}

function single(node: OnnxNode, { values }: Constant, what: string): number {
  if (values.every((value) => value === values[0])) return values[0];
  throw nodeError(node, "per-channel-parameter", `The ${what} of a Quant node differs between channels.`, {
    expected: "one value",
    found: `${values.length} different values`,
  });
}

function exponentOf(node: OnnxNode, scale: number): number {
  const exponent = Math.round(Math.log2(scale));
  if (scale > 0 && Math.abs(exponent) <= MAX_EXPONENT && 2 ** exponent === scale) return exponent;
  throw nodeError(node, "scale-not-power-of-two", "The scale of a Quant node is not a power of two.", {
    expected: "a power of two, which keeps every step exact",
    found: String(scale),
    hint: "Export with power-of-two scales (Brevitas: restrict_scaling_type=POWER_OF_TWO), or use an int8 TFLite model.",
  });
}

function axisFromEnd(node: OnnxNode, { dims }: Constant): number {
  const wide = dims.flatMap((size, axis) => (size > 1 ? [dims.length - axis] : []));
  if (wide.length <= 1) return wide[0] ?? 1;
  throw nodeError(node, "unsupported-scale-shape", "The scale of a Quant node varies along several axes.", {
    expected: "one value, or one per channel",
    found: `[${dims.join(", ")}]`,
  });
}
