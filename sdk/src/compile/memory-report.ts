/**
 * On-chip and DDR memory a model and its overlay take, against the K26's. Block counts follow from the geometry; they
 * are what yosys infers, not a place-and-route result.
 */
import type { OverlayGeometry } from "../overlay/geometry.js";
import type { MemoryUse } from "./types.js";

/** Kria K26 (XCK26): 144 block RAMs of 36 Kbit, 64 UltraRAMs of 288 Kbit, 4 GiB DDR4. */
export const k26 = { bram36: 144, uram: 64, ddrBytes: 4 * 2 ** 30 } as const;

const URAM_WORDS = 4_096;
const URAM_BITS = 72;
const WEIGHT_HALVES = 2;

export interface MemoryFigures {
  readonly activationRows: number;
  readonly weightLines: number;
  readonly ddrBytes: number;
}

export function memoryReport(used: MemoryFigures, geometry: OverlayGeometry): MemoryUse[] {
  return [
    { name: "BRAM36", used: blockRams(geometry), available: k26.bram36, unit: "blocks" },
    { name: "URAM", used: ultraRams(geometry), available: k26.uram, unit: "blocks" },
    { name: "DDR", used: used.ddrBytes, available: k26.ddrBytes, unit: "bytes" },
    { name: "activation rows", used: used.activationRows, available: geometry.activationRows, unit: "rows" },
    { name: "weight lines", used: used.weightLines, available: geometry.weightLines, unit: "lines" },
  ];
}

/** Banks of words of I bytes, and one memory of whole lines: an UltraRAM is 4,096 words of 72 bits whatever is in them. */
function ultraRams({ activationRows, weightLines, pixels, inputs, outputs }: OverlayGeometry): number {
  const blocks = (words: number, bits: number) => Math.ceil(words / URAM_WORDS) * Math.ceil(bits / URAM_BITS);
  const lines = blocks(WEIGHT_HALVES * weightLines, inputs * outputs * 8);
  return pixels * blocks(activationRows, inputs * 8) + lines;
}

/**
 * What yosys maps each part to (docs/synthesis.md), scaled with the geometry: the tables of a decoder lane, the
 * predictor's history of an output, the addend table of a requantisation lane, a pixel's share of the tap store; then the
 * command queue, the layer's header, FIFOs, the commands' check and counters, the table builder.
 */
function blockRams({ decoderLanes, requantizeLanes, pixels, outputs }: OverlayGeometry): number {
  const decoder = 2.5 * decoderLanes;
  const predictor = outputs / 2;
  const queueAndFifos = 19.5;
  return decoder + predictor + requantizeLanes + pixels + queueAndFifos;
}
