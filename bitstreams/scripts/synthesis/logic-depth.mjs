/**
 * Logic depth of a netlist that yosys mapped to UltraScale+ primitives, between any two registers, memories or ports,
 * through any number of module borders.
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
 * @param {{ modules: Record<string, object> }} netlist of `write_json`, or modules mapped one by one; cells whose type is
 *   one of the modules are looked into
 * @param {string} top
 * @returns {{ levels: number, dsps: number, carries: number, muxes: number, path: string[], start: string, end: string,
 *   modules: Record<string, number> }} the path with the most LUT levels; `path` names cell types from start to end;
 *   `modules` the most levels of a path that ends in each module
 */
export function logicDepth(netlist, top) {
  if (netlist.modules[top] === undefined) {
    throw new Error(`The netlist has no module ${top}; it has ${Object.keys(netlist.modules).join(", ")}.`);
  }
  const graph = new Graph(netlist.modules);
  graph.instance(top, "", new Map());
  for (const [name, port] of Object.entries(netlist.modules[top].ports)) {
    if (port.direction === "input") continue;
    for (const bit of nets(port.bits)) graph.end(graph.topBit(bit), `port ${name}`, top);
  }
  const { cost, via } = longest(graph);
  let worst = -1;
  const modules = {};
  for (const [bit, { module }] of graph.ends) {
    if (worst < 0 || cost[bit] > cost[worst]) worst = bit;
    modules[module] = Math.max(modules[module] ?? 0, Math.floor(cost[bit] / LUT));
  }
  const path = [];
  let bit = worst;
  for (; bit >= 0 && via[bit] >= 0; bit = graph.from[via[bit]]) {
    const type = graph.types[graph.type[via[bit]]];
    if (type !== "") path.push(type);
  }
  const count = (test) => path.filter((type) => test(costOf(type))).length;
  return {
    levels: count((value) => value === LUT),
    dsps: count((value) => value === DSP),
    carries: count((value) => value === CARRY),
    muxes: count((value) => value === MUX),
    path: path.reverse(),
    start: bit < 0 ? "" : graph.nameOf(bit),
    end: worst < 0 ? "" : graph.ends.get(worst).place,
    modules,
  };
}

function costOf(type) {
  if (type === "") return 0;
  if (/^LUT\d/.test(type) || LUT_MEMORY.test(type)) return LUT;
  if (type === "DSP48E2") return DSP;
  if (/^CARRY/.test(type)) return CARRY;
  if (/^MUXF/.test(type)) return MUX;
  if (FREE.test(type)) return 0;
  throw new Error(`Logic depth: the cell type ${type} is unknown.`);
}

/** Bits and the arcs between them, of a module with everything below it. */
class Graph {
  from = [];
  to = [];
  type = [];
  types = [""];
  ends = new Map(); // bit -> where it arrives
  bits = 0;
  #scopes = []; // first bit, prefix, module, local bit -> bit
  #typeIndex = new Map([["", 0]]);

  constructor(modules) {
    this.modules = modules;
  }

  /** Adds an instance; `bound` gives the bits that its ports are connected to outside, by the bit inside. */
  instance(name, prefix, bound) {
    const module = this.modules[name];
    const scope = { first: this.bits, prefix, module, local: new Map(bound) };
    this.#scopes.push(scope);
    const bitOf = (bit) => {
      let found = scope.local.get(bit);
      if (found === undefined) {
        found = this.bits;
        this.bits += 1;
        scope.local.set(bit, found);
      }
      return found;
    };
    const children = [];
    for (const [cellName, cell] of Object.entries(module.cells)) {
      if (this.modules[cell.type] === undefined) this.#cell(cellName, cell, bitOf, scope, name);
      else children.push([cellName, cell]);
    }
    for (const [cellName, cell] of children) {
      const inner = new Map();
      const alias = [];
      for (const [port, { bits }] of Object.entries(this.modules[cell.type].ports)) {
        bits.forEach((bit, index) => {
          const outside = cell.connections[port]?.[index];
          if (typeof outside !== "number" || typeof bit !== "number") return;
          // A net that leads straight from one port to another has two names outside.
          if (inner.has(bit)) alias.push([inner.get(bit), bitOf(outside)]);
          else inner.set(bit, bitOf(outside));
        });
      }
      for (const [a, b] of alias) if (a !== b) this.arc(a, b, "");
      this.instance(cell.type, `${prefix}${cellName}.`, inner);
    }
  }

  topBit(bit) {
    return this.#scopes[0].local.get(bit) ?? -1;
  }

  arc(from, to, type) {
    let index = this.#typeIndex.get(type);
    if (index === undefined) {
      index = this.types.length;
      this.types.push(type);
      this.#typeIndex.set(type, index);
      costOf(type);
    }
    this.from.push(from);
    this.to.push(to);
    this.type.push(index);
  }

  end(bit, place, module) {
    if (bit >= 0) this.ends.set(bit, { place, module });
  }

  nameOf(bit) {
    for (const { prefix, module, local } of this.#scopes) {
      for (const [inside, outside] of local) {
        if (outside === bit && module.names?.[inside] !== undefined) return prefix + module.names[inside];
      }
    }
    return `net ${bit}`;
  }

  #cell(name, cell, bitOf, scope, module) {
    const { type, connections, port_directions: directions = {} } = cell;
    if (type.startsWith("$scopeinfo")) return;
    const ports = (wanted) => Object.keys(directions).filter((port) => directions[port] === wanted);
    const inputs = ports("input");
    const outputs = ports("output");
    const map = (bits) => nets(bits).map(bitOf);
    const result = nets(outputs.flatMap((port) => connections[port] ?? []))[0];
    const label = scope.prefix + (scope.module.names?.[result] ?? name);
    const end = (list) => {
      for (const port of list) {
        if (CLOCKS.has(port)) continue;
        for (const bit of map(connections[port])) this.end(bit, `${type}.${port} ${label}`, module);
      }
    };
    const all = (list) => list.flatMap((port) => map(connections[port]));
    const join = (from, to) => {
      if (from.length * to.length <= 8) {
        for (const a of from) for (const b of to) this.arc(a, b, type);
      } else {
        const middle = this.bits;
        this.bits += 1;
        for (const a of from) this.arc(a, middle, type);
        for (const b of to) this.arc(middle, b, "");
      }
    };
    if (SEQUENTIAL.test(type)) {
      end(inputs);
    } else if (/^CARRY/.test(type)) {
      costOf(type);
      addCarry(connections, (from, to) => join(map(from), map(to)));
    } else if (type === "DSP48E2") {
      end(inputs);
      // Unregistered as yosys maps it; a packed one starts and ends paths itself.
      const registered = ["AREG", "BREG", "MREG", "PREG"].some((key) => binary(cell.parameters?.[key]) > 0);
      if (!registered) join(all(["A", "B", "C", "D"]), all(outputs));
    } else if (LUT_MEMORY.test(type)) {
      const address = inputs.filter((port) => LUT_MEMORY_ADDRESS.test(port));
      end(inputs.filter((port) => !address.includes(port)));
      join(all(address), all(outputs));
    } else {
      costOf(type);
      join(all(inputs), all(outputs));
    }
  }
}

/** Bit i of a carry block reaches its own sum and everything above it. */
function addCarry({ S = [], DI = [], O = [], CO = [], ...carry }, join) {
  for (const port of ["CI", "CYINIT", "CI_TOP"]) join(carry[port], [...O, ...CO]);
  for (let bit = 0; bit < S.length; bit += 1) {
    join([S[bit], DI[bit]], [...CO.slice(bit), ...O.slice(bit + 1)]);
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
function longest({ from, to, type, types, bits }) {
  const costs = types.map(costOf);
  const waiting = new Int32Array(bits);
  const first = new Int32Array(bits + 1);
  for (const bit of from) first[bit + 1] += 1;
  for (let bit = 0; bit < bits; bit += 1) first[bit + 1] += first[bit];
  const arcs = new Int32Array(from.length);
  const next = first.slice();
  for (let arc = 0; arc < from.length; arc += 1) {
    arcs[next[from[arc]]] = arc;
    next[from[arc]] += 1;
    waiting[to[arc]] += 1;
  }
  const cost = new Float64Array(bits);
  const via = new Int32Array(bits).fill(-1);
  const ready = [];
  for (let bit = 0; bit < bits; bit += 1) if (waiting[bit] === 0) ready.push(bit);
  let visited = 0;
  while (ready.length > 0) {
    const bit = ready.pop();
    for (let index = first[bit]; index < first[bit + 1]; index += 1) {
      const arc = arcs[index];
      const target = to[arc];
      const sum = cost[bit] + costs[type[arc]];
      visited += 1;
      if (via[target] < 0 || sum > cost[target]) {
        cost[target] = sum;
        via[target] = arc;
      }
      waiting[target] -= 1;
      if (waiting[target] === 0) ready.push(target);
    }
  }
  if (visited !== from.length) {
    const stuck = [...waiting.keys()].filter((bit) => waiting[bit] > 0);
    throw new Error(`Combinational loop through nets ${stuck.slice(0, 8).join(", ")}.`);
  }
  return { cost, via };
}
