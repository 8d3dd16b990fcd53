/**
 * Gives a class to the layer that would gain most from one of its own, in the place of the class that is missed least.
 * Training only moves classes about; this lets it leave a set of classes that has none for some of the layers.
 */
import { BIT } from "./class-costs.js";
import { type ClassStart, inOrder, magnitudePrior, type Prior, smoothed } from "./class-starts.js";
import { probabilityCosts } from "./prior.js";
import { tableEstimate } from "./train.js";
import { type ClassSystem, demandOf, MOST_BITS, type Sampled, type TrainedModel } from "./train-model.js";

/** Share of a model's bits that a layer must seem to gain. */
const LEAST_GAIN = 1 / 2000;

/** undefined when no layer that is not in `tried` would gain; adds the one that is chosen. */
export function reseeded(
  layers: readonly Sampled[],
  { fits, priors, tables, bits }: TrainedModel,
  tried: Set<number>,
): ClassSystem | undefined {
  let most = bits * LEAST_GAIN;
  let chosen = -1;
  let chosenHistogram = new Float64Array(256);
  layers.forEach(({ layer, scale }, index) => {
    if (tried.has(index)) return;
    const histogram = new Float64Array(256);
    for (const value of layer.values) histogram[value] += scale;
    const { cost, sideBits } = fits[index];
    const gain = (scale * cost) / BIT + sideBits - tableEstimate(histogram, tables.log);
    if (gain > most) {
      most = gain;
      chosen = index;
      chosenHistogram = histogram;
    }
  });
  if (chosen < 0) return undefined;
  tried.add(chosen);
  const starts = demandOf(layers, fits, priors.length, priors).map(({ histogram, prior }, index) => {
    return { histogram, start: { probabilities: smoothed(histogram, prior), prior: priors[index] } };
  });
  const kept = starts.toSpliced(leastMissed(starts), 1).map(({ start }) => start);
  const prior: Prior = magnitudePrior;
  return {
    starts: inOrder([...kept, { probabilities: smoothed(chosenHistogram, prior(chosenHistogram)), prior }]),
  };
}

/** The class whose weights cost least more in the best of the others. */
function leastMissed(
  classes: readonly { readonly histogram: Float64Array; readonly start: ClassStart }[],
): number {
  const costs = classes.map(({ start }) => probabilityCosts(start.probabilities, MOST_BITS));
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  classes.forEach(({ histogram }, index) => {
    const own = costs.map((cost) => histogram.reduce((sum, count, value) => sum + count * cost[value], 0));
    const others = own.filter((_, other) => other !== index);
    const loss = Math.min(...others) - own[index];
    if (loss < least) {
      least = loss;
      best = index;
    }
  });
  return best;
}
