/** The cheapest way to write a layer in codec `rice`. */
import { zigzag } from "../ans/bit-stream.js";
import { BIT, ClassCosts } from "../ans/class-costs.js";
import { classHistograms } from "../ans/class-histograms.js";
import { exp2, log2 } from "../ans/deterministic-math.js";
import { type Fit, fitLayer, totalBits } from "../ans/fit.js";
import { type LayerVariant, singleVariants, wholeFitLayer } from "../ans/layer-variants.js";
import type { WeightPasses } from "../ans/weight-passes.js";
import type { LayerWeights } from "../types.js";
import { CLASSES, denseDivisors, MAGNITUDE_BITS, runLog, SPARSE_CLASSES, shapes } from "./classes.js";
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
      return { variant, fit, shape, parameter, bits: totalBits(fit) + variant.sideBits };
    };
    const dense = denseCosts.map((costs, shape) => fitted(costs, shape));
    const histogram = histogramOf(whole.values);
    if (histogram[0] < SPARSE_SHARE * whole.values.length) return dense;
    const withParameter = (own: number) => fitted(sparseCosts(own), shapes.sparse, own);
    const parameter = bestParameter([histogram]);
    const sparse = withParameter(parameter);
    const histograms = classHistograms(whole, CLASSES, sparse.fit).slice(0, SPARSE_CLASSES);
    const better = bestParameter(histograms);
    return [...dense, sparse, ...(better === parameter ? [] : [withParameter(better)])];
  });
  return choices.reduce((best, choice) => (choice.bits < best.bits ? choice : best));
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
