/**
 * From accumulators to engine stages: finds the requantisations that read a convolution's or addition's accumulators
 * and brings each into the engine's form (overlay/program.ts).
 *
 *   table roots  stage A alone, y of at most 512 values: everything below is a function of y. Requantisations of one
 *                accumulator with the same stage A but different clamps share y over the hull of their ranges.
 *   code roots   stages A and B: the result is a code, nothing but the final clamp can be changed.
 *
 * A clamp before a requantisation (ReLU on accumulators) moves behind it: for a non-decreasing f,
 * f(clamp(x, lo, hi)) = clamp(f(x), f(lo), f(hi)). Two roundings are never merged.
 */
import type { ClampNode, RequantizeNode, RoundingStage, TensorId } from "../graph/types.js";
import { consumersOf, type GraphIndex, refuse } from "./consumers.js";
import { clamp, evaluateStage, type Interval, isIdentity, stageOfChannel } from "./rounding.js";
import type { TreeRoot } from "./value-tree.js";

export const TABLE_ENTRIES = 512;

export interface TableRoot {
  readonly kind: "table";
  readonly stageA: RoundingStage;
  readonly inputZeroPoint: number;
  /** Inclusive range of y. */
  readonly domain: Interval;
  /** The requantised tensors as functions of y, one per node merged here. */
  readonly roots: readonly TreeRoot[];
}

export interface CodeRoot {
  readonly kind: "code";
  readonly stageA: RoundingStage;
  readonly stageB: RoundingStage;
  readonly inputZeroPoint: number;
  /** Saturation of y between the stages; undefined when the stage has none within int32. */
  readonly clampA?: Interval;
  readonly tensor: TensorId;
  readonly zeroPoint: number;
  readonly clamp: Interval;
}

export type RequantizeRoot = TableRoot | CodeRoot;

export function findRoots(index: GraphIndex, accumulators: TensorId, channels: number): RequantizeRoot[] {
  const found: RequantizeRoot[] = [];
  walk(accumulators, []);
  return found;

  function walk(tensor: TensorId, clamps: readonly ClampNode[]): void {
    const producer = index.producers.get(tensor)!;
    if (index.graph.output === tensor) {
      refuse("wide-output", producer, "The graph's output holds 32-bit accumulators.", {
        hint: "Quantise the output to 8 bits; the overlay stores int8 codes only.",
      });
    }
    for (const node of consumersOf(index, tensor)) {
      if (node.kind === "clamp") walk(node.output, [...clamps, node]);
      else if (node.kind === "reshape") walk(node.output, clamps);
      else if (node.kind === "requantize") add(rootOf(node, clamps, channels));
      else if (node.kind !== "softmax") {
        refuse("wide-input", node, "This operation reads 32-bit accumulators.", {
          expected: "an 8-bit tensor",
          found: `the accumulators of "${producer.name}"`,
          hint: "Put a quantisation between the two operations.",
        });
      }
    }
  }

  function add(root: RequantizeRoot): void {
    if (root.kind === "table") {
      const at = found.findIndex(
        (other) => other.kind === "table" && mergedDomain(other, root) !== undefined,
      );
      if (at >= 0) {
        found[at] = merge(found[at] as TableRoot, root);
        return;
      }
    }
    found.push(root);
  }
}

function rootOf(node: RequantizeNode, clamps: readonly ClampNode[], channels: number): RequantizeRoot {
  const { stageA, stageB, zeroPoint, inputZeroPoint } = node;
  if (stageB !== undefined && !isIdentity(stageB)) {
    const moved = moveClamps(node, clamps, channels, (value, channel) =>
      Number(evaluateStage(stageB, evaluateStage(stageA, value, channel), channel)),
    );
    const range = compose([...moved, shifted(stageB.clamp, 0), shifted(node.clamp, -zeroPoint)]);
    return {
      kind: "code",
      stageA,
      stageB: { ...stageB, clamp: undefined },
      inputZeroPoint,
      clampA: stageA.clamp,
      tensor: node.output,
      zeroPoint,
      clamp: { min: range.min + zeroPoint, max: range.max + zeroPoint },
    };
  }
  const moved = moveClamps(node, clamps, channels, (value, channel) =>
    Number(evaluateStage({ ...stageA, clamp: undefined }, value, channel)),
  );
  const domain = compose([
    ...moved,
    shifted(stageA.clamp, 0),
    shifted(stageB?.clamp, 0),
    shifted(node.clamp, -zeroPoint),
  ]);
  if (domain.max - domain.min >= TABLE_ENTRIES) {
    refuse("wide-activation", node, "A requantisation keeps more bits than the overlay's activations have.", {
      expected: `at most ${TABLE_ENTRIES} different values`,
      found: `${domain.min + zeroPoint}..${domain.max + zeroPoint}`,
      hint: "Quantise the activation to 8 bits.",
    });
  }
  const values = Int32Array.from(
    { length: domain.max - domain.min + 1 },
    (_, point) => domain.min + point + zeroPoint,
  );
  return {
    kind: "table",
    stageA: { ...stageA, clamp: undefined },
    inputZeroPoint,
    domain,
    roots: [{ tensor: node.output, values }],
  };
}

const INT32: Interval = { min: -(2 ** 31), max: 2 ** 31 - 1 };

function shifted(range: Interval | undefined, by: number): Interval {
  return range === undefined ? INT32 : { min: range.min + by, max: range.max + by };
}

/** One clamp that equals the given ones applied in order. */
export function compose(clamps: readonly Interval[]): Interval {
  return clamps.reduce(
    (range, next) => ({ min: clamp(range.min, next), max: clamp(range.max, next) }),
    INT32,
  );
}

/** The clamps before a requantisation as clamps on its result, equal for all channels or refused. */
function moveClamps(
  node: RequantizeNode,
  clamps: readonly ClampNode[],
  channels: number,
  evaluate: (value: bigint, channel: number) => number,
): Interval[] {
  return clamps.map((before) => {
    const bound = (limit: number): number => {
      const results = new Set<number>();
      for (let channel = 0; channel < channels; channel += 1) {
        if (stageOfChannel(node.stageA, channel).multiplier < 0) {
          refuse("negative-scale", node, "A clamp lies before a requantisation with a negative multiplier.", {
            found: `channel ${channel}`,
            hint: "Move the clamp behind the requantisation.",
          });
        }
        results.add(evaluate(BigInt(limit - node.inputZeroPoint), channel));
      }
      if (results.size === 1) return [...results][0];
      // Bounds that no channel's saturated result can reach do not matter.
      const all = [...results].map((value) => clamp(value + node.zeroPoint, node.clamp) - node.zeroPoint);
      if (new Set(all).size === 1) return all[0];
      return refuse(
        "per-channel-clamp",
        before,
        "A clamp on accumulators means another bound for every channel.",
        {
          found: `${limit} becomes ${Math.min(...results)}..${Math.max(...results)}`,
          hint: "Clamp after the requantisation, or at the zero point.",
        },
      );
    };
    return { min: bound(before.min), max: bound(before.max) };
  });
}

function mergedDomain(a: RequantizeRoot, b: TableRoot): Interval | undefined {
  if (a.kind !== "table" || a.inputZeroPoint !== b.inputZeroPoint || !sameStage(a.stageA, b.stageA))
    return undefined;
  const domain = {
    min: Math.min(a.domain.min, b.domain.min),
    max: Math.max(a.domain.max, b.domain.max),
  };
  return domain.max - domain.min < TABLE_ENTRIES ? domain : undefined;
}

function merge(a: TableRoot, b: TableRoot): TableRoot {
  const domain = mergedDomain(a, b)!;
  const widen = (from: TableRoot) =>
    from.roots.map(({ tensor, values }) => ({
      tensor,
      values: Int32Array.from(
        { length: domain.max - domain.min + 1 },
        (_, point) => values[clamp(domain.min + point, from.domain) - from.domain.min],
      ),
    }));
  return { ...a, domain, roots: [...widen(a), ...widen(b)] };
}

function sameStage(a: RoundingStage, b: RoundingStage): boolean {
  const equal = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    x.length === y.length && Array.prototype.every.call(x, (value, at) => value === y[at]);
  return a.rounding === b.rounding && equal(a.multiplier, b.multiplier) && equal(a.shift, b.shift);
}
