/**
 * An average pool's exact rational quotient in engine stages.
 *
 * The graph wants round(S * numerator / (denominator * count)), rounded once. The engine multiplies by M / 2^s. Every
 * possible sum S is tried; a pair of stages is accepted only when all of them agree, so nothing is approximate:
 *   1. one stage with the node's own rounding, or with the opposite treatment of ties where the sums allow it;
 *   2. two stages: A rounds to steps of 2^-t, fine enough that ties stay ties and nothing else becomes one; B then
 *      rounds by 2^t in the node's mode.
 */
import type { AveragePoolNode, Rounding, RoundingStage } from "../graph/types.js";
import { refuse } from "./consumers.js";
import { evaluateStage, type Interval, roundRatio } from "./rounding.js";

export interface AverageStages {
  readonly stageA: RoundingStage;
  readonly stageB?: RoundingStage;
}

const MULTIPLIER_BITS = 31;
const MAX_SHIFT = 62;
const MAX_SUMS = 2 ** 24;

/** @param sums every value the sum of (x - inputZeroPoint) can take */
export function averageStages(node: AveragePoolNode, count: number, sums: Interval): AverageStages {
  const numerator = BigInt(node.numerator);
  const denominator = BigInt(node.denominator) * BigInt(count);
  if (sums.max - sums.min >= MAX_SUMS) {
    refuse("pool-size", node, "An average pool has too many possible sums to verify.", {
      expected: `fewer than ${MAX_SUMS}`,
      found: String(sums.max - sums.min + 1),
      hint: "Split the pool into two smaller ones.",
    });
  }
  const expected = (sum: number) => roundRatio(BigInt(sum) * numerator, denominator, node.rounding);
  for (const stageA of singleStages(numerator, denominator, node.rounding)) {
    if (agrees(sums, expected, (sum) => evaluateStage(stageA, sum))) return { stageA };
  }
  for (const stages of doubleStages(numerator, denominator, node.rounding)) {
    const evaluate = (sum: bigint) => evaluateStage(stages.stageB!, evaluateStage(stages.stageA, sum));
    if (agrees(sums, expected, evaluate)) return stages;
  }
  return refuse("average-ratio", node, "No engine stages give this average exactly for every sum.", {
    found: `${node.numerator} / (${node.denominator} * ${count}), ${node.rounding}`,
    hint: "Choose an output scale whose ratio to the input scale is simpler.",
  });
}

function agrees(sums: Interval, expected: (sum: number) => bigint, got: (sum: bigint) => bigint): boolean {
  for (let sum = sums.min; sum <= sums.max; sum += 1) if (expected(sum) !== got(BigInt(sum))) return false;
  return true;
}

function* singleStages(numerator: bigint, denominator: bigint, rounding: Rounding): Generator<RoundingStage> {
  const others = (["half-up", "half-even", "half-away"] as const).filter((mode) => mode !== rounding);
  for (const mode of [rounding, ...others]) {
    for (const multiplier of multipliers(numerator, denominator)) yield stage(multiplier, mode);
  }
}

function* doubleStages(numerator: bigint, denominator: bigint, rounding: Rounding): Generator<AverageStages> {
  for (let steps = 1; steps <= 20; steps += 1) {
    const scaled = numerator << BigInt(steps);
    for (const multiplier of multipliers(scaled, denominator)) {
      const stageB = { multiplier: Int32Array.of(1), shift: Uint8Array.of(steps), rounding };
      yield { stageA: stage(multiplier, "half-up"), stageB };
    }
  }
}

interface Scale {
  readonly multiplier: number;
  readonly shift: number;
}

function stage({ multiplier, shift }: Scale, rounding: Rounding): RoundingStage {
  return { multiplier: Int32Array.of(multiplier), shift: Uint8Array.of(shift), rounding };
}

/** The quotient itself when it is dyadic, else its neighbours above and below with the most bits. */
function multipliers(numerator: bigint, denominator: bigint): Scale[] {
  const limit = 1n << BigInt(MULTIPLIER_BITS);
  for (let shift = 0n; shift <= BigInt(MAX_SHIFT); shift += 1n) {
    const scaled = numerator << shift;
    if (scaled / denominator >= limit) break;
    if (scaled % denominator === 0n)
      return [{ multiplier: Number(scaled / denominator), shift: Number(shift) }];
  }
  let shift = BigInt(MAX_SHIFT);
  while (shift > 0n && (numerator << shift) / denominator + 1n >= limit) shift -= 1n;
  const floor = (numerator << shift) / denominator;
  return [
    { multiplier: Number(floor + 1n), shift: Number(shift) },
    { multiplier: Number(floor), shift: Number(shift) },
  ].filter(({ multiplier }) => multiplier < 2 ** MULTIPLIER_BITS);
}
