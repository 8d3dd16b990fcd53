/**
 * Logic depth of a netlist that yosys mapped to UltraScale+ primitives (`write_json`), between any two registers,
 * memories or ports.
 *
 * A level is a LUT, or a read of LUT memory or of a shift register by address. CARRY4/CARRY8 cells, DSP48E2 without
 * registers and wide multiplexers (MUXF7..9) are counted apart: `ltp` of yosys takes every bit of a carry chain for a
 * level, which says nothing about its delay. Inverters, buffers and pads cost nothing.
 */

const SEQUENTIAL = /^(FD|LD|RAMB|URAM|FIFO)/;
const CLOCKS = new Set(["C", "CLK", "WCLK", "CLKARDCLK", "CLKBWRCLK"]);
const LUT_MEMORY = /^(RAM\d|RAMS|RAMD|SRL)/;
const LUT_MEMORY_ADDRESS = /^(ADDR(?!H$)|A\d*$|DPRA|RA)/;
const FREE = /^(INV|BUF|IBUF|OBUF|BUFG|OBUFT|IOBUF|GND|VCC)/;

// One number orders paths: LUT levels first, then DSPs, then carry cells, then wide multiplexers.
const LUT = 1e9;
const DSP = 1e6;
const CARRY = 1e2;
const MUX = 1;

/**
 * @param {object} netlist what `write_json` wrote
 * @param {string} top name of a flat module
 * @returns {{ levels: number, dsps: number, carries: number, muxes: number, path: string[], end: string }}
 *   the path with the most LUT levels; `path` names cell types from start to end
 */
export function logicDepth(netlist, top) {
  const module = netlist.modules[top];
  if (module === undefined) {
    throw new Error(`The netlist has no module ${top}; it has ${Object.keys(netlist.modules).join(", ")}.`);
  }
  const arcs = []; // [from bit, to bit, cost, cell type]
  const ends = new Map(); // bit -> where it arrives
  for (const [name, cell] of Object.entries(module.cells)) addCell(name, cell, arcs, ends);
  for (const [name, port] of Object.entries(module.ports)) {
    if (port.direction !== "input") for (const bit of nets(port.bits)) ends.set(bit, `port ${name}`);
  }
  const { cost, via } = longest(arcs);
  let worst;
  for (const bit of ends.keys())
    if (worst === undefined || (cost.get(bit) ?? 0) > (cost.get(worst) ?? 0)) worst = bit;
  const path = [];
  for (let bit = worst; via.has(bit); ) {
    const [from, type] = via.get(bit);
    path.push(type);
    bit = from;
  }
  const count = (test) => path.filter((type) => test(costOf(type))).length;
  return {
    levels: count((value) => value === LUT),
    dsps: count((value) => value === DSP),
    carries: count((value) => value === CARRY),
    muxes: count((value) => value === MUX),
    path: path.reverse(),
    end: worst === undefined ? "" : ends.get(worst),
  };
}

function costOf(type) {
  if (/^LUT\d/.test(type) || LUT_MEMORY.test(type)) return LUT;
  if (type === "DSP48E2") return DSP;
  if (/^CARRY/.test(type)) return CARRY;
  if (/^MUXF/.test(type)) return MUX;
  if (FREE.test(type)) return 0;
  throw new Error(`Logic depth: the cell type ${type} is unknown.`);
}

function addCell(name, cell, arcs, ends) {
  const { type, connections, port_directions: directions = {} } = cell;
  if (type.startsWith("$scopeinfo")) return;
  const inputs = Object.keys(directions).filter((port) => directions[port] === "input");
  const outputs = Object.keys(directions).filter((port) => directions[port] === "output");
  const end = (ports) => {
    for (const port of ports) {
      if (!CLOCKS.has(port))
        for (const bit of nets(connections[port])) ends.set(bit, `${type}.${port} ${name}`);
    }
  };
  if (SEQUENTIAL.test(type) && type !== "RAM") {
    end(inputs);
    return;
  }
  const cost = costOf(type);
  const join = (from, to) => {
    for (const a of nets(from)) for (const b of nets(to)) arcs.push([a, b, cost, type]);
  };
  if (/^CARRY/.test(type)) {
    addCarry(cell, join);
  } else if (type === "DSP48E2") {
    end(inputs);
    // Unregistered as yosys maps it; a packed one starts and ends paths itself.
    const registered = ["AREG", "BREG", "MREG", "PREG"].some((name) => binary(cell.parameters?.[name]) > 0);
    if (!registered)
      for (const from of ["A", "B", "C", "D"])
        for (const to of outputs) join(connections[from], connections[to]);
  } else if (LUT_MEMORY.test(type)) {
    const address = inputs.filter((port) => LUT_MEMORY_ADDRESS.test(port));
    end(inputs.filter((port) => !address.includes(port)));
    for (const from of address) for (const to of outputs) join(connections[from], connections[to]);
  } else {
    for (const from of inputs) for (const to of outputs) join(connections[from], connections[to]);
  }
}

/** Bit i of a carry block reaches its own sum and everything above it. */
function addCarry({ connections }, join) {
  const { S = [], DI = [], O = [], CO = [] } = connections;
  for (const port of ["CI", "CYINIT", "CI_TOP"]) {
    join(connections[port], O);
    join(connections[port], CO);
  }
  for (let bit = 0; bit < S.length; bit += 1) {
    join([S[bit], DI[bit]], CO.slice(bit));
    join([S[bit], DI[bit]], O.slice(bit + 1));
    join([S[bit]], [O[bit]]);
  }
}

function nets(bits) {
  return (bits ?? []).filter((bit) => typeof bit === "number");
}

function binary(value) {
  if (typeof value === "number") return value;
  return value === undefined ? 0 : Number.parseInt(value, 2);
}

/** Longest path to every bit, in topological order; a combinational loop is an error. */
function longest(arcs) {
  const out = new Map();
  const waiting = new Map();
  for (const arc of arcs) {
    const [from, to] = arc;
    if (!out.has(from)) out.set(from, []);
    out.get(from).push(arc);
    waiting.set(to, (waiting.get(to) ?? 0) + 1);
  }
  const cost = new Map();
  const via = new Map();
  const ready = [...out.keys()].filter((bit) => !waiting.has(bit));
  let visited = 0;
  while (ready.length > 0) {
    const bit = ready.pop();
    for (const [, to, step, type] of out.get(bit) ?? []) {
      visited += 1;
      const sum = (cost.get(bit) ?? 0) + step;
      if (!via.has(to) || sum > cost.get(to)) {
        cost.set(to, sum);
        via.set(to, [bit, type]);
      }
      waiting.set(to, waiting.get(to) - 1);
      if (waiting.get(to) === 0) ready.push(to);
    }
  }
  if (visited !== arcs.length) {
    const stuck = [...waiting].filter(([, left]) => left > 0).map(([bit]) => bit);
    throw new Error(`Combinational loop through nets ${stuck.slice(0, 8).join(", ")}.`);
  }
  return { cost, via };
}
