/**
 * Where the master ports of the processing system lead (UG1085, system addresses). An access outside its port's windows
 * goes to something else, or to nothing, and then never ends.
 */
import type { OverlayManifest } from "@sluice/sdk/overlay";
import { hex } from "./gates.js";

type Window = readonly [start: number, end: number];

const windows: Readonly<Record<string, readonly Window[]>> = {
  M_AXI_HPM0_LPD: [[0x8000_0000, 0x9fff_ffff]],
  M_AXI_HPM0_FPD: [
    [0xa000_0000, 0xafff_ffff],
    [0x4_0000_0000, 0x4_ffff_ffff],
  ],
  M_AXI_HPM1_FPD: [
    [0xb000_0000, 0xbfff_ffff],
    [0x5_0000_0000, 0x5_ffff_ffff],
  ],
};

/** Why registers cannot lie there; undefined when they can. */
export function windowProblem({ port, base, bytes }: OverlayManifest["registers"]): string | undefined {
  const own = windows[port];
  if (own === undefined) return `${port} is no port for registers`;
  const inside = own.some(([start, end]) => base >= start && base + bytes - 1 <= end);
  if (inside) return undefined;
  return `outside ${port}'s ${own.map(([start, end]) => `${hexLong(start)}..${hexLong(end)}`).join(" and ")}`;
}

const hexLong = (value: number): string => (value > 0xffff_ffff ? `0x${value.toString(16)}` : hex(value));
