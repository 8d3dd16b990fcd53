/** What a command costs on the overlay, as far as counters show it. */
import type { LayerCycles } from "@sluice/sdk/compile";
import type { Command, OverlayGeometry } from "@sluice/sdk/overlay";

/** Cycles of every command of a program, in order. Pure: the same program always costs the same. */
export type CycleCharge = (program: readonly Command[], geometry: OverlayGeometry) => readonly LayerCycles[];

/** Bounds without overlap between commands, until the compiler's model is here. */
export const modelCycles: CycleCharge = (program, geometry) =>
  program.map((command) => {
    const weightBeats =
      "weightsBytes" in command ? Math.ceil(command.weightsBytes / geometry.weightPortBytes) : 0;
    const compute = weightBeats + geometry.memoryLatency;
    return { total: compute, compute, stallWeights: 0, stallData: 0, weightBeats };
  });
