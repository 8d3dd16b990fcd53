/**
 * Scales and nearest codes for a set of allowed integers, the uniform grid being the set of all. Ranges as in
 * calibrate.ts: the largest magnitude, or the clip of least mean square error.
 */
import { nearestLevel } from "./gram-solver.js";
import type { ScaleKind } from "./grids.js";
import { nearestInLog } from "./level-sets/power-of-two.js";

/** Where a value between two levels goes; `log` is for powers of two. */
export type LevelRounding = "value" | "log";

export interface LevelScaleOptions {
  readonly scales: ScaleKind;
  readonly perChannel: boolean;
  readonly range: "min-max" | "mse";
}

const RATIOS = 100;
/** Of the largest magnitude: sets with gaps may gain from a top level beyond it. */
const LEAST_RATIO = 0.2;
const MOST_RATIO = 1.3;

/** One positive scale per output. @param weights [O][K] @param levels ascending, symmetric, at most 127 */
export function levelScales(
  weights: Float64Array,
  outputs: number,
  levels: Int16Array,
  { scales, perChannel, range }: LevelScaleOptions,
): Float64Array {
  const top = levels[levels.length - 1];
  const groups = perChannel ? outputs : 1;
  const size = weights.length / groups;
  const result = new Float64Array(outputs);
  for (let group = 0; group < groups; group += 1) {
    const part = weights.subarray(group * size, (group + 1) * size);
    let largest = 0;
    for (const weight of part) largest = Math.max(largest, Math.abs(weight));
    const base = largest > 0 ? largest / top : 1;
    let best = base;
    let least = Number.POSITIVE_INFINITY;
    for (const scale of candidates(base, scales, range)) {
      let error = 0;
      for (const weight of part) error += (weight - nearestLevel(weight / scale, levels) * scale) ** 2;
      if (error < least) {
        least = error;
        best = scale;
      }
    }
    if (perChannel) result[group] = best;
    else result.fill(best);
  }
  return result;
}

function candidates(base: number, scales: ScaleKind, range: "min-max" | "mse"): Iterable<number> {
  const upTo = (scale: number): number =>
    scales === "free" ? scale : 2 ** Math.ceil(Math.log2(scale) - 1e-9);
  if (range === "min-max") return [upTo(base)];
  const ratios = Array.from(
    { length: RATIOS },
    (_, step) => MOST_RATIO - (step * (MOST_RATIO - LEAST_RATIO)) / (RATIOS - 1),
  );
  return new Set(ratios.map((ratio) => upTo(base * ratio)));
}

/** The nearest level of every weight. */
export function codesOnLevels(
  weights: Float64Array,
  scale: Float64Array,
  levels: Int16Array,
  rounding: LevelRounding,
): Int16Array {
  const size = weights.length / scale.length;
  const nearest = rounding === "log" ? nearestInLog : nearestLevel;
  return Int16Array.from(weights, (weight, index) =>
    nearest(weight / scale[Math.floor(index / size)], levels),
  );
}
