/**
 * From targets to a model: how much every layer minds every candidate, one price for bits in all layers, and whole
 * models verified with the real codec, the compiler's cycle model and held-out training images until the targets hold.
 */
import { PlanError } from "../errors.js";
import type { FloatGraph } from "../graph/float.js";
import { calibrate } from "../quantize/calibrate.js";
import { diagonalsOf, logitCoupling } from "../quantize/fisher.js";
import { quantizedWeightCount } from "../quantize/grids.js";
import type { Activations } from "../quantize/stepwise.js";
import { type Allocation, allocate, learnFactors, priceForBits } from "./allocation.js";
import { planCandidates } from "./candidates.js";
import { type LayerTrials, tryLayers } from "./layer-trials.js";
import { narrowForCycles } from "./narrow-for-cycles.js";
import { layerBits, type PlanContext, type PlanInputs, type PlanPoint, verifyPlan } from "./plan-point.js";
import { describeFigure, describeTarget, figureOf, isReached, type Target } from "./target.js";

export interface PlannedModel {
  readonly best: PlanPoint;
  /** The model the best plan belongs to; narrower than the given one where cycles had to go. */
  readonly model: FloatGraph;
  /** Everything verified on the way, in order. */
  readonly points: readonly PlanPoint[];
  readonly trials: readonly LayerTrials[];
  /** Channels removed for cycles, by producing layer. */
  readonly narrowed: readonly { readonly layer: string; readonly from: number; readonly to: number }[];
}

const SENSITIVITY_IMAGES = 1_024;
const TRIAL_IMAGES = 256;
/** Squared logit error a bit may be worth, at least and at most. */
const PRICES = [3e-7, 3e-3] as const;
/** Whole models verified at most in the search for one limit. */
const MOST_STEPS = 5;
/** Size within this share below its limit is near enough. */
const NEAR = 0.97;
/** Where a search for the drop begins, in bits per weight. */
const FIRST_RATE = 2;

/**
 * @param images the model's input for `count` unlabelled training images
 * @throws {PlanError} `unreachable-target`; `details` holds the best figures reached
 */
export async function planModel(
  original: FloatGraph,
  images: Activations,
  count: number,
  targets: readonly Target[],
  context: PlanContext,
): Promise<PlannedModel> {
  const couplingOf = (model: FloatGraph): Map<string, Float64Array> =>
    logitCoupling(model, images, Math.min(count, SENSITIVITY_IMAGES), context.random);
  const given = couplingOf(original);
  const narrow = await narrowForCycles(original, images, count, targets, {
    ...context,
    sensitivity: diagonalsOf(given),
  });
  const { model } = narrow;
  const coupling = model === original ? given : couplingOf(model);
  const inputs: PlanInputs = {
    original,
    model,
    images,
    count,
    activations: calibrate(model, images, count, { scales: "free", bits: 8, range: { kind: "mse" } }),
    coupling,
    sensitivity: diagonalsOf(coupling),
  };
  const trials = tryLayers(model, images, Math.min(count, TRIAL_IMAGES), planCandidates(), {
    sensitivity: inputs.sensitivity,
    random: context.random,
    onProgress: (done, layer) => context.onProgress?.("trials", done, layer),
  });
  const search = new PlanSearch(inputs, context, trials);
  const found = await search.run(targets);
  const { points } = search;
  const best = found && targets.every((target) => isReached(target, found)) ? found : undefined;
  if (best) return { best, model, points, trials, narrowed: narrow.spaces };
  throw unreachable(targets, points);
}

class PlanSearch {
  readonly points: PlanPoint[] = [];
  private factors: ReadonlyMap<string, number> = new Map();

  constructor(
    private readonly inputs: PlanInputs,
    private readonly context: PlanContext,
    private readonly trials: readonly LayerTrials[],
  ) {}

  /** The point that reaches the targets, or the nearest to it. */
  async run(targets: readonly Target[]): Promise<PlanPoint | undefined> {
    const weights = quantizedWeightCount(this.inputs.original);
    const limits = targets.flatMap(({ kind, limit }) =>
      kind === "bits/weight" ? (limit * weights) / 8 : kind === "size" ? limit : [],
    );
    if (limits.length > 0) return this.largestWithin(Math.min(...limits));
    const drop = targets.find(({ kind }) => kind === "drop");
    if (drop) return this.smallestWithin(drop.limit);
    // Cycles alone: the channels are gone already; what is left is kept as it is, within reason.
    return this.verify(priceForBits(this.trials, 4 * weights, this.factors, PRICES));
  }

  /** The best model of at most `limit` bytes; near the limit, where more bits are the better model. */
  private async largestWithin(limit: number): Promise<PlanPoint | undefined> {
    let aim = 8 * limit;
    let best: PlanPoint | undefined;
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const known = this.points.length;
      const point = await this.verify(priceForBits(this.trials, aim, this.factors, PRICES));
      // The same class on more images is the better model: the drop itself is a small difference of large counts.
      if (point.codedBytes <= limit && point.agreement > (best?.agreement ?? -1)) best = point;
      if (point.codedBytes <= limit && point.codedBytes >= NEAR * limit) break;
      if (this.points.length === known && step > 1) break;
      // The estimate is off by some share; the factors took most of it, the rest is aimed off.
      if (step > 0) aim *= (limit * (1 + NEAR)) / (2 * point.codedBytes);
    }
    return best;
  }

  /** The fewest bits whose drop stays within `limit` points. */
  private async smallestWithin(limit: number): Promise<PlanPoint | undefined> {
    const weights = quantizedWeightCount(this.inputs.original);
    let price = priceForBits(this.trials, FIRST_RATE * weights, this.factors, PRICES);
    let inside: { readonly point: PlanPoint; readonly price: number } | undefined;
    let outside: { readonly point: PlanPoint; readonly price: number } | undefined;
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const point = await this.verify(price);
      if (point.drop <= limit) inside = { point, price };
      else outside = { point, price };
      if (inside && outside) {
        // Between the two as if the drop grew evenly with the price's logarithm, but never next to an end.
        const share = (limit - inside.point.drop) / Math.max(1e-9, outside.point.drop - inside.point.drop);
        const ratio = outside.price / inside.price;
        if (ratio < 1.15) break;
        price = inside.price * ratio ** Math.min(0.75, Math.max(0.25, share));
      } else price = Math.min(Math.max(inside ? price * 2.5 : price / 4, PRICES[0]), PRICES[1]);
    }
    return inside?.point;
  }

  private async verify(price: number): Promise<PlanPoint> {
    const allocation = allocate(this.trials, price, this.factors);
    const known = this.points.find((point) => isSame(point.allocation, allocation));
    if (known) return known;
    const label = `price ${price.toExponential(1)}`;
    const point = await verifyPlan(this.inputs, this.context, label, {}, allocation);
    this.points.push(point);
    this.factors = new Map([
      ...this.factors,
      ...learnFactors(allocation, layerBits(point, this.context.codec)),
    ]);
    return point;
  }
}

function isSame(a: Allocation | undefined, b: Allocation): boolean {
  return a !== undefined && [...b].every(([layer, { candidate }]) => a.get(layer)?.candidate === candidate);
}

/** The point that misses its targets by the least share. */
export function nearestMiss(targets: readonly Target[], points: readonly PlanPoint[]): PlanPoint | undefined {
  const excess = (point: PlanPoint): number =>
    Math.max(...targets.map(({ kind, limit }) => figureOf(kind, point) / limit));
  return points.reduce<PlanPoint | undefined>(
    (best, point) => (best && excess(best) <= excess(point) ? best : point),
    undefined,
  );
}

function unreachable(targets: readonly Target[], points: readonly PlanPoint[]): PlanError {
  const best = nearestMiss(targets, points);
  const kinds = ["bits/weight", "size", "drop", "cycles"] as const;
  const reached =
    best && kinds.map((kind) => `${kind} ${describeFigure(kind, figureOf(kind, best))}`).join(", ");
  return new PlanError("unreachable-target", "No plan reaches these targets.", {
    place: "--target",
    expected: targets.map(describeTarget).join(", "),
    found: reached ? `at best ${reached}` : "no plan at all",
    hint: targets.some(({ kind }) => kind === "drop")
      ? "Allow a larger drop, or a larger model; compress trains nothing."
      : "Loosen the target, or start from a smaller model.",
    details: best && {
      bitsPerWeight: best.bitsPerWeight,
      codedBytes: best.codedBytes,
      drop: best.drop,
      cyclesPerFrame: best.cyclesPerFrame,
    },
  });
}
