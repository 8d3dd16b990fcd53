/** What the planner tries on every layer: methods and their settings. */
import type { WeightOptions } from "../quantize/methods.js";

export interface Candidate {
  /** Unique, for reports: "rate-distortion 4e-5", "prune 50 % > 4 bits". */
  readonly label: string;
  /** What the report counts: "rate-distortion", "Gram solver", "clustering", "prune > quantise", ... */
  readonly family: string;
  readonly settings: Partial<WeightOptions>;
  /** Share of the layer's weights that optimal brain surgeon drops. */
  readonly share?: number;
}

const PRICES = Array.from({ length: 10 }, (_, index) => 1.5e-6 * 1.9 ** index);
const WIDTHS = [2, 3, 4, 5, 6, 8];
const CLUSTERS = [8, 16, 32];
const SHARES = [0.4, 0.7];
const PRUNED_WIDTHS = [4, 6];
const PRUNED_PRICES = [2e-5];

/** Every method with the settings worth trying; a layer is tried with all of them. */
export function planCandidates(): Candidate[] {
  const candidates: Candidate[] = [];
  for (const perChannel of [true, false]) {
    for (const lambda of perChannel ? PRICES : PRICES.filter((_, index) => index % 2 === 1)) {
      candidates.push({
        label: `rate-distortion ${lambda.toExponential(1)}${perChannel ? "" : ", one step"}`,
        family: "rate-distortion",
        settings: { method: "rate-distortion", lambda, perChannel },
      });
    }
  }
  for (const bits of WIDTHS) {
    candidates.push({ label: `${bits} bits`, family: "Gram solver", settings: { method: "gram", bits } });
  }
  for (const clusters of CLUSTERS) {
    candidates.push({
      label: `${clusters} clusters`,
      family: "clustering",
      settings: { method: "clustering", clusters },
    });
  }
  for (const share of SHARES) {
    const percent = `${100 * share} %`;
    for (const bits of PRUNED_WIDTHS) {
      const settings = { method: "gram", bits } as const;
      candidates.push(...bothOrders(percent, `${bits} bits`, share, settings));
    }
    for (const lambda of PRUNED_PRICES) {
      const settings = { method: "rate-distortion", lambda } as const;
      candidates.push(...bothOrders(percent, `rate-distortion ${lambda.toExponential(0)}`, share, settings));
    }
  }
  return candidates;
}

/** Pairs: the second is the first in the other order. */
function bothOrders(
  percent: string,
  quantizer: string,
  share: number,
  settings: Partial<WeightOptions>,
): Candidate[] {
  return [
    {
      label: `prune ${percent}, then ${quantizer}`,
      family: "prune, then quantise",
      settings: { ...settings, pruningOrder: "prune-first" },
      share,
    },
    {
      label: `${quantizer}, then prune ${percent}`,
      family: "quantise, then prune",
      settings: { ...settings, pruningOrder: "quantize-first" },
      share,
    },
  ];
}
