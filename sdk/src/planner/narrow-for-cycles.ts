/**
 * Fewer cycles come from fewer channels: the engine computes O output channels together, so each space of channels is
 * cut to a multiple of that, the space first whose channels cost the logits least per cycle saved.
 */
import type { WeightCodec } from "../codec/types.js";
import { compile } from "../compile/index.js";
import { PlanError } from "../errors.js";
import type { FloatGraph } from "../graph/float.js";
import { elementCount } from "../graph/lookup.js";
import type { InputEncoding, TensorId } from "../graph/types.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { calibrate } from "../quantize/calibrate.js";
import { lowerFloatGraph } from "../quantize/lower.js";
import { quantizeModel } from "../quantize/quantize-model.js";
import { type Activations, runNode } from "../quantize/stepwise.js";
import { type ChannelClass, type ChannelSpace, channelSpaces } from "../quantize/structure/channel-spaces.js";
import { narrowed, weakest } from "../quantize/structure/filter-pruning.js";
import { removeChannels } from "../quantize/structure/remove-channels.js";
import { describeTarget, type Target } from "./target.js";

export interface NarrowContext {
  readonly sensitivity: ReadonlyMap<string, Float64Array>;
  readonly inputEncoding: InputEncoding;
  readonly geometry: OverlayGeometry;
  readonly codec: WeightCodec;
  readonly random: () => number;
  readonly onProgress?: (stage: string, done: number, detail: string) => void;
}

export interface NarrowResult {
  readonly model: FloatGraph;
  readonly spaces: readonly { readonly layer: string; readonly from: number; readonly to: number }[];
}

const FEW_IMAGES = 64;
const REFIT_POSITIONS = 40_000;

/** @throws {PlanError} `unreachable-target` when even one tile of channels everywhere takes too long */
export async function narrowForCycles(
  model: FloatGraph,
  images: Activations,
  count: number,
  targets: readonly Target[],
  context: NarrowContext,
): Promise<NarrowResult> {
  const target = targets.find(({ kind }) => kind === "cycles");
  if (!target) return { model, spaces: [] };
  const few = Math.min(count, FEW_IMAGES);
  const cyclesOf = (candidate: FloatGraph): number => cycles(candidate, images, context);
  let now = cyclesOf(model);
  const start = now;
  const damage = channelDamage(model, images, few, context.sensitivity);
  const options = channelSpaces(model).map((space) => new SpaceCut(space, damage, context.geometry.outputs));
  const removed = (): ChannelClass[] => options.flatMap((option) => option.removed);
  while (now > target.limit) {
    let best: { readonly cut: SpaceCut; readonly cycles: number; readonly worth: number } | undefined;
    for (const cut of options.filter((option) => option.canShrink)) {
      const cost = cut.shrink();
      const after = cyclesOf(removeChannels(model, removed()));
      cut.grow();
      const worth = (now - after) / Math.max(cost, 1e-12);
      if (after < now && (!best || worth > best.worth)) best = { cut, cycles: after, worth };
    }
    if (!best) throw tooSlow(target, now);
    best.cut.shrink();
    now = best.cycles;
    context.onProgress?.("narrow", Math.min(1, (start - now) / (start - target.limit)), `${now} cycles`);
  }
  const spaces = options.flatMap(({ space, removed: gone }) =>
    gone.length === 0
      ? []
      : {
          layer: space.producers[0].name,
          from: space.classes.length,
          to: space.classes.length - gone.length,
        },
  );
  if (spaces.length === 0) return { model, spaces };
  return { model: narrowed(model, removed(), images, count, REFIT_POSITIONS), spaces };
}

/** One space and how many of its channels stay. */
class SpaceCut {
  removed: readonly ChannelClass[] = [];
  private readonly scores: readonly number[];
  private history: (readonly ChannelClass[])[] = [];

  constructor(
    readonly space: ChannelSpace,
    damage: ReadonlyMap<TensorId, Float64Array>,
    private readonly tile: number,
  ) {
    this.scores = space.classes.map(({ members }) =>
      members.reduce((sum, { tensor, channel }) => sum + (damage.get(tensor)?.[channel] ?? 0), 0),
    );
  }

  get canShrink(): boolean {
    return this.space.classes.length - this.removed.length > this.tile;
  }

  /** One tile of channels less. @returns the damage of those that go */
  shrink(): number {
    const before = this.removed;
    this.history.push(before);
    const left = this.space.classes.length - before.length;
    const stays = (Math.ceil(left / this.tile) - 1) * this.tile;
    this.removed = weakest(this.space, this.scores, this.space.classes.length - stays, 1);
    const total = (classes: readonly ChannelClass[]): number =>
      classes.reduce((sum, item) => sum + this.scores[this.space.classes.indexOf(item)], 0);
    return total(this.removed) - total(before);
  }

  grow(): void {
    this.removed = this.history.pop() ?? [];
  }
}

/** By convolution output, what each channel's variation is worth: sensitivity times variance. */
function channelDamage(
  model: FloatGraph,
  images: Activations,
  count: number,
  sensitivity: ReadonlyMap<string, Float64Array>,
): Map<TensorId, Float64Array> {
  const values = new Map<TensorId, Activations>([[model.input, images]]);
  const result = new Map<TensorId, Float64Array>();
  for (const node of model.nodes) {
    if (node.kind === "softmax") break;
    const output = runNode(model, node, values, count);
    values.set(node.output, output);
    const importance = sensitivity.get(node.name);
    if (!importance) continue;
    const channels = importance.length;
    const mean = new Float64Array(channels);
    const square = new Float64Array(channels);
    output.forEach((value, index) => {
      mean[index % channels] += value;
      square[index % channels] += value * value;
    });
    const n = output.length / channels;
    result.set(
      node.output,
      importance.map((h, c) => h * (square[c] / n - (mean[c] / n) ** 2)),
    );
  }
  return result;
}

/** Cycles a frame, whatever the weights are. */
function cycles(model: FloatGraph, images: Activations, context: NarrowContext): number {
  const { inputEncoding, geometry, codec, random } = context;
  const image = images.subarray(0, elementCount(model.tensors[model.input].shape));
  const activations = calibrate(model, image, 1, { scales: "free", bits: 8, range: { kind: "min-max" } });
  const plan = quantizeModel(model, image, 1, { method: "nearest", bits: 4, activations, random });
  return compile(lowerFloatGraph(model, plan, { inputEncoding }), { geometry, codec }).plan.cyclesPerFrame;
}

function tooSlow(target: Target, now: number): PlanError {
  return new PlanError("unreachable-target", "No number of channels makes this model so fast.", {
    place: "--target",
    expected: describeTarget(target),
    found: `at best ${now} cycles`,
    hint: "Start from a model with fewer layers or a smaller input, or allow more cycles.",
    details: { cyclesPerFrame: now },
  });
}
