/** The weight quantisers by name, each with what it needs. */
import type { LevelRounding } from "./fit-levels.js";
import type { ScaleKind } from "./grids.js";
import type { ClusterStart } from "./structure/clustering.js";
import type { PruningOrder, PruningSettings } from "./structure/pruning.js";
import type { TermCounter } from "./successive-vectors.js";

export const compressionMethods = {
  nearest: "every weight to its nearest code; biases as they are (W8 to W2)",
  "bias-correction": "nearest, then biases that restore each channel's mean (arXiv 1906.04721, empirical)",
  dfq: "channels equalised across layers, high biases absorbed, then bias correction; no data needed (arXiv 1906.04721)",
  adaround: "up or down for every weight, learned on the Gram matrix alone (arXiv 2004.10568)",
  gram: "codes by the Gram-matrix solver on retargeted weights, exact biases (arXiv 2208.11580, 2210.17323)",
  "power-of-two": "weights 0 and +-2^k (arXiv 1702.03044, 1905.13298)",
  inq: "powers of two, the largest weights first, the others make up for it (arXiv 1702.03044)",
  apot: "sums of powers of two from interleaved sets (arXiv 1909.13144)",
  "k-hot": "at most K ones in the magnitude (arXiv 2401.17544)",
  "signed-k-hot": "at most K signed binary digits",
  "power-quant": "codes uniform in a power of the weight, rounded to int8 (arXiv 2301.09858)",
  rapq: "uniform codes by the Gram-matrix solver, weight scales 2^k chosen by the layer's error (after arXiv 2204.12322)",
  sva: "rows as sums of sparse sign vectors times 2^k (MPGBP, ISCAS 2025)",
  "rate-distortion": "codes priced by their length: the smallest model at a given loss of accuracy",
  pruning: "weights dropped by a rule, the others refitted, then the Gram-matrix solver (arXiv 2208.11580)",
  clustering: "every weight of a layer is one of k values, fitted to the layer's error (arXiv 1510.00149)",
} as const;

export type CompressionMethod = keyof typeof compressionMethods;

export interface WeightOptions {
  readonly method: CompressionMethod;
  /** 2..8; 2 is ternary. Ignored by rate-distortion, clustering and sva. */
  readonly bits: number;
  readonly scales: ScaleKind;
  /** Of the weights alone, where `scales` is free; default the same. */
  readonly weightScales?: ScaleKind;
  readonly perChannel: boolean;
  /**
   * For methods that are a set of levels: weights retargeted and put on the levels by the Gram-matrix solver, biases
   * exact. False: every weight to its nearest level, biases as they are.
   */
  readonly compensated: boolean;
  /** Nearest in value or in the logarithm, for powers of two that are not compensated. */
  readonly rounding: LevelRounding;
  /** Ones or digits of the k-hot methods, 1..7. */
  readonly hot: number;
  /** Exponent of power-quant, 0.3..1.2; absent: the one of least weight error over the network. */
  readonly exponent?: number;
  /** Signed powers of two per weight of sva. */
  readonly termsPerWeight: number;
  /** How sva counts them where it is not compensated. */
  readonly termCounter: TermCounter;
  /** Ranges of channels evened out across layers before anything else; dfq always does. */
  readonly equalize: boolean;
  /** How far channels of activations are brought to one size first, 0..1; helps where they have few bits. */
  readonly smoothing: number;
  /** Adam steps per layer of adaround. */
  readonly iterations: number;
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
  compensated: true,
  rounding: "value",
  hot: 2,
  termsPerWeight: 1,
  termCounter: "passes",
  equalize: false,
  smoothing: 0,
  iterations: 400,
  lambda: 2.3e-5,
  kappa: 4.5,
  ridge: 0.02,
  pruningOrder: "prune-first",
  clusters: 16,
  clusterStart: "linear",
  clusterRounds: 4,
  positions: 40_000,
};

/** Biases as they are: the method looks at nothing but the weights. */
export function needsNoMoments({ method, compensated }: WeightOptions): boolean {
  return method === "nearest" || (!compensated && isLevelMethod(method));
}

/** Methods that are a set of levels, and have a plain and a compensated form. */
function isLevelMethod(method: CompressionMethod): boolean {
  return (
    method === "power-of-two" ||
    method === "apot" ||
    method === "k-hot" ||
    method === "signed-k-hot" ||
    method === "power-quant" ||
    method === "sva"
  );
}

/** Powers of two everywhere leave weights no other choice. */
export function weightScaleKind({ method, scales, weightScales = scales }: WeightOptions): ScaleKind {
  if (scales === "power-of-two" || method === "rapq") return "power-of-two";
  return weightScales;
}
