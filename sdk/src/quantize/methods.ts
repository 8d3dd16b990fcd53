/** The weight quantisers by name, each with what it needs. */
import type { ScaleKind } from "./grids.js";
import type { ClusterStart } from "./structure/clustering.js";
import type { PruningOrder, PruningSettings } from "./structure/pruning.js";

export const compressionMethods = {
  nearest: "every weight to its nearest code; biases as they are (W8 to W2)",
  "bias-correction": "nearest, then biases that restore each channel's mean (arXiv 1906.04721, empirical)",
  gram: "codes by the Gram-matrix solver on retargeted weights, exact biases (arXiv 2208.11580, 2210.17323)",
  "rate-distortion": "codes priced by their length: the smallest model at a given loss of accuracy",
  pruning: "weights dropped by a rule, the others refitted, then the Gram-matrix solver (arXiv 2208.11580)",
  clustering: "every weight of a layer is one of k values, fitted to the layer's error (arXiv 1510.00149)",
} as const;

export type CompressionMethod = keyof typeof compressionMethods;

export interface WeightOptions {
  readonly method: CompressionMethod;
  /** 2..8; 2 is ternary. Ignored by rate-distortion. */
  readonly bits: number;
  readonly scales: ScaleKind;
  readonly perChannel: boolean;
  /** Price of a bit for rate-distortion, squared logit error; about 1e-5..3e-4. */
  readonly lambda: number;
  readonly kappa: number;
  /** Share of the mean second moment that holds retargeted weights back, 0.01..0.1. */
  readonly ridge: number;
  /** What goes before or after any of the methods but `clustering`; absent: nothing. */
  readonly pruning?: PruningSettings;
  /** Whether weights are dropped before they are quantised (and the others take over) or afterwards. */
  readonly pruningOrder: PruningOrder;
  /** Values per layer of `clustering`, 2..128. */
  readonly clusters: number;
  readonly clusterStart: ClusterStart;
  /** Rounds in which clusters are fitted to the layer's error; 0 leaves plain k-means. */
  readonly clusterRounds: number;
  /** Window positions of all calibration images used per layer. */
  readonly positions: number;
}

export const defaultWeightOptions: WeightOptions = {
  method: "rate-distortion",
  bits: 8,
  scales: "free",
  perChannel: true,
  lambda: 4e-5,
  kappa: 4.5,
  ridge: 0.02,
  pruningOrder: "prune-first",
  clusters: 16,
  clusterStart: "linear",
  clusterRounds: 4,
  positions: 40_000,
};
