/** Quant nodes of activations: each stays a node of its own, because each rounds and saturates again. */
import type { RequantizeNode, RoundingStage } from "../../../graph/types.js";
import { nodeError, type OnnxNode } from "../model.js";
import { type QuantParameters, quantParameters } from "../quant-parameters.js";
import type { Lowering, PendingAverage } from "./lowering.js";
import { singleExponent } from "./lowering.js";

const MAX_LEFT_SHIFT = 30;
const MAX_RIGHT_SHIFT = 62;

export function lowerQuant(lowering: Lowering, node: OnnxNode): void {
  const quant = quantParameters(lowering.model, node);
  const exponent = onlyExponent(node, quant);
  const average = lowering.pendingAverages.get(node.inputs[0] ?? "");
  if (average) {
    lowerAverage(lowering, node, quant, exponent, average);
    return;
  }
  const input = lowering.input(node);
  const tensor = lowering.tensor(input);
  const shifts = input.exponents.map((from) => exponent - from);
  const stageA = scaleStage(node, shifts, quant.rounding);
  lowering.emit(
    node,
    {
      kind: "requantize",
      stageA,
      ...zeroPoints(node, tensor.zeroPoint, quant, shifts),
      clamp: { min: quant.min, max: quant.max },
    },
    [input],
    {
      shape: tensor.shape,
      exponents: Int32Array.of(exponent),
      zeroPoint: quant.zeroPoint,
      rank: input.rank,
      flattened: input.flattened,
    },
  );
}

/** x * 2^-shift for every channel: a power-of-two multiplier to the left, a shift to the right. */
export function scaleStage(
  node: OnnxNode,
  shifts: Int32Array,
  rounding: RoundingStage["rounding"],
): RoundingStage {
  const furthest = shifts.reduce((least, shift) => Math.min(least, shift), 0);
  if (furthest < -MAX_LEFT_SHIFT) {
    throw nodeError(node, "scale-out-of-range", "The new scale is too much finer than the old one.", {
      expected: `at most 2^${MAX_LEFT_SHIFT} times finer`,
      found: `2^${-furthest} times`,
    });
  }
  return {
    multiplier: shifts.map((shift) => 2 ** Math.max(0, -shift)),
    // Beyond 62 bits every int32 rounds to 0, as it does at 62.
    shift: Uint8Array.from(shifts, (shift) => Math.min(Math.max(0, shift), MAX_RIGHT_SHIFT)),
    rounding,
  };
}

/**
 * Quant rounds x / scale + zeroPoint, so with an odd zero point ties go to the other neighbour than those of
 * x / scale. Moving the zero point in front of the rounding, as -zeroPoint * 2^shift on the input, keeps that.
 */
function zeroPoints(
  node: OnnxNode,
  inputZeroPoint: number,
  quant: QuantParameters,
  shifts: Int32Array,
): Pick<RequantizeNode, "inputZeroPoint" | "zeroPoint"> {
  const [shift] = shifts;
  if (quant.zeroPoint % 2 === 0 || quant.rounding !== "half-even" || shifts.every((bits) => bits <= 0)) {
    return { inputZeroPoint, zeroPoint: quant.zeroPoint };
  }
  const moved = quant.zeroPoint * 2 ** shift;
  if (Math.abs(moved) < 2 ** 30 && shifts.every((bits) => bits === shift)) {
    return { inputZeroPoint: inputZeroPoint - moved, zeroPoint: 0 };
  }
  throw nodeError(node, "unsupported-zero-point", "An odd zero point cannot be kept exact here.", {
    found: `zero point ${quant.zeroPoint}, shift ${shift}`,
    hint: "Use an even zero point, or 0.",
  });
}

/** The quotient of the average and the ratio of the two scales, rounded once. */
function lowerAverage(
  lowering: Lowering,
  node: OnnxNode,
  quant: QuantParameters,
  exponent: number,
  { node: pool, input, window, shape }: PendingAverage,
): void {
  if (quant.zeroPoint % 2 !== 0 && quant.rounding === "half-even") {
    throw nodeError(
      node,
      "unsupported-zero-point",
      "An odd zero point cannot be kept exact behind an average.",
      {
        found: String(quant.zeroPoint),
        hint: "Use an even zero point, or 0.",
      },
    );
  }
  const shift = exponent - singleExponent(pool, input);
  if (Math.abs(shift) > MAX_LEFT_SHIFT) {
    throw nodeError(
      node,
      "scale-out-of-range",
      "The scale behind an average is too far from the one before.",
      {
        expected: `a factor of at most 2^${MAX_LEFT_SHIFT}`,
        found: `2^${shift}`,
      },
    );
  }
  lowering.emit(
    pool,
    {
      kind: "average-pool",
      ...window,
      inputZeroPoint: lowering.tensor(input).zeroPoint,
      numerator: 2 ** Math.max(0, -shift),
      denominator: 2 ** Math.max(0, shift),
      rounding: quant.rounding,
      zeroPoint: quant.zeroPoint,
      clamp: { min: quant.min, max: quant.max },
    },
    [input],
    { shape, exponents: Int32Array.of(exponent), zeroPoint: quant.zeroPoint, rank: input.rank },
    node.outputs[0],
  );
}

/** Activations have one scale. */
export function onlyExponent(node: OnnxNode, { exponents }: QuantParameters): number {
  if (exponents.every((exponent) => exponent === exponents[0])) return exponents[0];
  throw nodeError(node, "per-channel-scale", "An activation has a scale per channel.", {
    expected: "one scale for the tensor",
    found: `${exponents.length} scales`,
    hint: "Quantise activations per tensor; only weights may have a scale per channel.",
  });
}
