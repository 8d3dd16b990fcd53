/**
 * Generalised Gaussian probabilities of integer weights: where training starts, and what fills in for values that a
 * class has not seen. p(v) ~ exp(-(|v| / alpha)^beta), beta = 1.4 (between Laplace and Gauss, as measured on CNN weights).
 */
import { BIT } from "./class-costs.js";
import { exp2, log2 } from "./deterministic-math.js";

const BETA = 1.4;
/** alpha / sigma = sqrt(gamma(1 / beta) / gamma(3 / beta)) for beta = 1.4. */
const ALPHA = 1.092_498_161_082_038;
const LOG2_E = Math.LOG2E;
const POINTS = 8;

const known = new Map<number, Float64Array>();

/** Probabilities of -128..127, indexed by byte; shared, not to be changed. */
export function priorProbabilities(sigma: number): Float64Array {
  let probabilities = known.get(sigma);
  if (probabilities === undefined) {
    probabilities = computeProbabilities(sigma);
    if (known.size < 256) known.set(sigma, probabilities);
  }
  return probabilities;
}

function computeProbabilities(sigma: number): Float64Array {
  const probabilities = new Float64Array(256);
  const alpha = sigma * ALPHA;
  let total = 0;
  for (let magnitude = 0; magnitude <= 128; magnitude += 1) {
    let density = 0;
    for (let point = 0; point < POINTS; point += 1) {
      const x = Math.abs(magnitude - 0.5 + (point + 0.5) / POINTS) / alpha;
      const power = x === 0 ? 0 : exp2(BETA * log2(x));
      density += power > 500 ? 0 : exp2(-power * LOG2_E);
    }
    density = Math.max(density / POINTS, 1e-12);
    if (magnitude < 128) probabilities[magnitude] = density;
    if (magnitude > 0) probabilities[256 - magnitude] = density;
    total += magnitude === 0 || magnitude === 128 ? density : 2 * density;
  }
  return probabilities.map((probability) => probability / total);
}

/** Costs of values under probabilities, at most `most` bits each (what an escape would cost). */
export function probabilityCosts(probabilities: Float64Array, most: number): Int32Array {
  return Int32Array.from(probabilities, (probability) => {
    return Math.round(Math.min(-log2(probability), most) * BIT);
  });
}
