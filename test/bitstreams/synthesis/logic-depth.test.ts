import { describe, expect, it } from "vitest";

interface Depth {
  readonly levels: number;
  readonly dsps: number;
  readonly carries: number;
  readonly muxes: number;
  readonly path: readonly string[];
  readonly end: string;
}
const scripts = new URL("../../../bitstreams/scripts/synthesis/", import.meta.url);
const { logicDepth } = (await import(new URL("logic-depth.mjs", scripts).href)) as {
  logicDepth(netlist: object, top: string): Depth;
};

type Bits = readonly (number | string)[];

function cell(type: string, inputs: Record<string, Bits>, outputs: Record<string, Bits>) {
  const direction = (ports: object, way: string) =>
    Object.fromEntries(Object.keys(ports).map((port) => [port, way]));
  return {
    type,
    connections: { ...inputs, ...outputs },
    port_directions: { ...direction(inputs, "input"), ...direction(outputs, "output") },
  };
}

function netlist(cells: object[], output: Bits = []) {
  const named = Object.fromEntries(cells.map((entry, index) => [`c${index}`, entry]));
  return { modules: { top: { cells: named, ports: { out: { direction: "output", bits: output } } } } };
}

describe("logic depth of a mapped netlist", () => {
  it("counts LUTs between registers and stops at a register", () => {
    const depth = logicDepth(
      netlist([
        cell("FDRE", { D: [1], C: [0], CE: ["1"], R: ["0"] }, { Q: [2] }),
        cell("LUT2", { I0: [2], I1: [3] }, { O: [4] }),
        cell("INV", { I: [4] }, { O: [5] }),
        cell("LUT1", { I0: [5] }, { O: [6] }),
        cell("FDRE", { D: [6], C: [0], CE: ["1"], R: ["0"] }, { Q: [7] }),
        cell("LUT1", { I0: [7] }, { O: [8] }),
      ]),
      "top",
    );
    expect(depth).toMatchObject({ levels: 2, carries: 0, path: ["LUT2", "INV", "LUT1"] });
    expect(depth.end).toContain("FDRE.D");
  });

  it("lets a bit of a carry block reach only its own sum and what lies above", () => {
    const S = [10, 11, 12, 13];
    const O = [20, 21, 22, 23];
    const block = cell(
      "CARRY4",
      { CI: [9], CYINIT: ["0"], DI: ["0", "0", "0", "0"], S },
      { O, CO: [30, 31, 32, 33] },
    );
    const late = [cell("LUT1", { I0: [1] }, { O: [2] }), cell("LUT1", { I0: [2] }, { O: [12] })];
    const below = logicDepth(netlist([block, ...late], [21]), "top");
    expect(below).toMatchObject({ levels: 0, carries: 1 });
    const above = logicDepth(netlist([block, ...late], [23]), "top");
    expect(above).toMatchObject({ levels: 2, carries: 1, path: ["LUT1", "LUT1", "CARRY4"] });
  });

  it("takes an address of LUT memory for logic and its data for an end", () => {
    const memory = cell("SRL16E", { A0: [1], A1: [2], D: [3], CLK: [0], CE: ["1"] }, { Q: [4] });
    const slow = [cell("LUT1", { I0: [5] }, { O: [6] }), cell("LUT1", { I0: [6] }, { O: [3] })];
    expect(logicDepth(netlist([memory], [4]), "top")).toMatchObject({ levels: 1, path: ["SRL16E"] });
    expect(logicDepth(netlist([memory, ...slow], [4]), "top")).toMatchObject({
      levels: 2,
      path: ["LUT1", "LUT1"],
    });
  });

  it("refuses loops, unknown cells and unknown modules", () => {
    const loop = [cell("LUT1", { I0: [1] }, { O: [2] }), cell("LUT1", { I0: [2] }, { O: [1] })];
    expect(() => logicDepth(netlist(loop), "top")).toThrow(/loop/);
    expect(() => logicDepth(netlist([cell("MYSTERY", { I: [1] }, { O: [2] })]), "top")).toThrow(/MYSTERY/);
    expect(() => logicDepth(netlist([]), "other")).toThrow(/other/);
  });
});
