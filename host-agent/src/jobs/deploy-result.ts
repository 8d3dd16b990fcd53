/** What `deploy --json` prints. Other tools read it: fields are only ever added. */
import type { Divergence } from "./divergence.js";

export interface DeployResult {
  readonly model: string;
  readonly board: { readonly kind: string; readonly device: string; readonly link: string };
  readonly package: {
    readonly bytes: number;
    readonly weights: number;
    readonly codec: string;
    readonly compressedWeightBytes: number;
    readonly rawWeightBytes: number;
    /** What DEFLATE (level 9) makes of the same weights, for comparison. */
    readonly deflateWeightBytes: number;
  };
  readonly verdict: {
    readonly bitExact: boolean;
    /** Images whose every logit was compared. */
    readonly images: number;
    /** Layers compared element for element (by CRC) on `layerImages` images. */
    readonly layers: number;
    readonly layerImages: number;
    readonly firstDivergence?: Divergence;
  };
  readonly accuracy?: { readonly top1: number; readonly images: number; readonly correct: number };
  readonly latency: {
    readonly cyclesPerFrame: number;
    readonly clockMHz: number;
    readonly milliseconds: number;
  };
  readonly layers: readonly {
    readonly name: string;
    readonly kind: string;
    readonly cycles: number;
    readonly weightBytes: number;
    readonly compressedBytes: number;
    readonly crc32c: string;
  }[];
  readonly timings: {
    readonly importMs: number;
    readonly compileMs: number;
    readonly uploadMs: number;
    readonly runMs: number;
  };
  readonly uploadedBytes: number;
  /** What the board measured, by name, after the run; what it cannot measure says why, and is never zero. */
  readonly telemetry: Readonly<
    Record<
      string,
      | { readonly available: true; readonly value: number; readonly unit: string }
      | { readonly available: false; readonly reason: string }
    >
  >;
  readonly memory: readonly {
    readonly name: string;
    readonly used: number;
    readonly available: number;
    readonly unit: string;
  }[];
  /** Top predictions of the first images, where class names or labels are known. */
  readonly predictions: readonly {
    readonly input: string;
    readonly top: readonly { readonly index: number; readonly label: string; readonly logit: number }[];
  }[];
  readonly notes: readonly string[];
}
