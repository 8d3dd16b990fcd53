/** The cheapest way to write a layer in codec `rice`. */
import { zigzag } from "../ans/bit-stream.js";
import { BIT, ClassCosts } from "../ans/class-costs.js";
import { ClassHistograms } from "../ans/class-histograms.js";
import { exp2, log2 } from "../ans/deterministic-math.js";
import { type Fit, fitLayer, totalBits } from "../ans/fit.js";
import { type LayerVariant, singleVariants, wholeFitLayer } from "../ans/layer-variants.js";
import type { FitLayer, WeightPasses } from "../ans/weight-passes.js";
import type { LayerWeights } from "../types.js";
import {
  CLASSES,
  denseDivisors,
  LISTED_BITS,
  listedBits,
  MAGNITUDE_BITS,
  MOST_LISTED,
  runLog,
  SPARSE_CLASSES,
  shapes,
} from "./classes.js";
import { type GolombDivisor, golombBits, octaves } from "./golomb.js";

/** Values by which an offset is judged. */
const SAMPLE = 384;
/** With fewer zeros than this, no class of a layer is sparse. */
const SPARSE_SHARE = 0.2;

export interface Choice {
  readonly variant: LayerVariant;
  readonly fit: Fit;
  readonly shape: number;
  /** m of a sparse layer. */
  readonly parameter: number;
  /** Byte values of a listed layer, ascending. */
  readonly listed: readonly number[];
  readonly bits: number;
}

const costsOf = (divisors: readonly GolombDivisor[]): Int32Array[] =>
  divisors.map((divisor) => {
    return Int32Array.from({ length: 256 }, (_, byte) => golombBits(zigzag(signed(byte)), divisor, 8) * BIT);
  });
const denseCosts = denseDivisors.map((divisors) => new ClassCosts(costsOf(divisors)));

/** Each run's bits, spread over its weights as their probabilities would have it. */
function sparseCosts(parameter: number): ClassCosts {
  const sparse = Array.from({ length: SPARSE_CLASSES }, (_, index) => {
    const zero = 1 / (1 << runLog(index));
    const other = 1 - log2(1 - exp2(-zero));
    return Int32Array.from({ length: 256 }, (_, byte) => {
      const bits =
        byte === 0 ? zero : other + golombBits(magnitude(byte), octaves[parameter], MAGNITUDE_BITS);
      return Math.round(bits * BIT);
    });
  });
  return new ClassCosts([...sparse, ...costsOf(octaves)]);
}

export function signed(byte: number): number {
  return (byte << 24) >> 24;
}

/** |value| - 1 of a value that is not zero. */
export function magnitude(byte: number): number {
  return Math.abs(signed(byte)) - 1;
}

/** The cheapest variant and shape; sparse ones with the m that suits the values in sparse classes. */
export function chooseLayer(layer: LayerWeights, passes: WeightPasses): Choice {
  const choices = singleVariants(layer).flatMap((variant): Choice[] => {
    const whole = wholeFitLayer(layer, variant, passes, SAMPLE);
    const fitted = (costs: ClassCosts, shape: number, parameter = 0): Choice => {
      const fit = fitLayer(whole, costs, passes);
      const bits = totalBits(fit) + variant.sideBits;
      return { variant, fit, shape, parameter, listed: [], bits };
    };
    const dense = denseCosts.map((costs, shape) => fitted(costs, shape));
    const histogram = histogramOf(whole.values);
    const listed = listedChoice(whole, variant, histogram);
    if (listed) dense.push(listed);
    if (histogram[0] < SPARSE_SHARE * whole.values.length) return dense;
    const withParameter = (own: number) => fitted(sparseCosts(own), shapes.sparse, own);
    const parameter = bestParameter([histogram]);
    const sparse = withParameter(parameter);
    const histograms = new ClassHistograms(CLASSES).add(whole, sparse.fit).all.slice(0, SPARSE_CLASSES);
    const better = bestParameter(histograms);
    return [...dense, sparse, ...(better === parameter ? [] : [withParameter(better)])];
  });
  return choices.reduce((best, choice) => (choice.bits < best.bits ? choice : best));
}

/** A number for each value of a layer that has only a few, however they lie: binary weights, clusters, powers of two. */
function listedChoice(
  { outputs, inputs, taps, values }: FitLayer,
  variant: LayerVariant,
  histogram: Float64Array,
): Choice | undefined {
  const listed = [...histogram.keys()].filter((value) => histogram[value] > 0);
  if (listed.length > MOST_LISTED) return undefined;
  const cost = values.length * listedBits(listed.length) * BIT;
  const offsets = { a: new Int32Array(outputs), b: new Int32Array(inputs), c: new Int32Array(taps) };
  const sideBits = LISTED_BITS + 8 * listed.length;
  const bits = cost / BIT + sideBits + variant.sideBits;
  return { variant, fit: { ...offsets, cost, sideBits }, shape: shapes.listed, parameter: 0, listed, bits };
}

function histogramOf(values: Uint8Array): Float64Array {
  const histogram = new Float64Array(256);
  for (const value of values) histogram[value] += 1;
  return histogram;
}

/** m for the values of these histograms that are not zero. */
function bestParameter(histograms: readonly Float64Array[]): number {
  const bits = octaves.map((divisor) => {
    let sum = 0;
    for (const histogram of histograms) {
      for (let byte = 1; byte < 256; byte += 1) {
        sum += histogram[byte] * golombBits(magnitude(byte), divisor, MAGNITUDE_BITS);
      }
    }
    return sum;
  });
  return bits.indexOf(Math.min(...bits));
}
