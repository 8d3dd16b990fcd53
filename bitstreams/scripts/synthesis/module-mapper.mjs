/**
 * Maps one module of a design to UltraScale+ with the modules below it left as black boxes, and remembers the result.
 *
 * A whole overlay does not fit into the memory of a small machine; its modules do. Nothing is optimised across a
 * module's ports, so the sum is an upper estimate of what a flat run would give.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { nativeYosys, runYosys } from "./tools.mjs";

const MAPPING = "synth_xilinx -family xcup -nowidelut -noiopad -noclkbuf";

/**
 * @param {string} rtlil a design in which every module occurs once
 * @returns {Map<string, { text: string, children: string[] }>} by name
 */
export function splitModules(rtlil) {
  const modules = new Map();
  for (const match of rtlil.matchAll(/^(?:attribute .*\n)*module \\(\S+)\n[\s\S]*?^end\n/gm)) {
    if (/^attribute \\blackbox 1$/m.test(match[0])) continue;
    modules.set(match[1], { text: match[0], children: [] });
  }
  for (const module of modules.values()) {
    const types = [...module.text.matchAll(/^ *cell \\(\S+) /gm)].map(([, type]) => type);
    module.children = [...new Set(types)].filter((type) => modules.has(type));
  }
  return modules;
}

/**
 * @param {Map<string, { text: string, children: string[] }>} modules of splitModules
 * @param {string} name
 * @param {{ cache: string, work: string }} folders results by hash of source and mapper; scratch
 * @returns {{ cells: Record<string, number>, netlist: object, seconds: number, cached: boolean }}
 * @throws {Error} when yosys fails or needs too much memory or time
 */
export function mapModule(modules, name, { cache, work }) {
  const { text, children } = modules.get(name);
  const source = `autoidx 100000000\n${children.map((child) => blackBox(child, modules.get(child).text)).join("")}${text}`;
  const hash = createHash("sha256").update(`${nativeYosys()}\n${MAPPING}\n${source}`).digest("hex");
  const stored = join(cache, `${name}-${hash.slice(0, 16)}.json.gz`);
  if (existsSync(stored)) {
    return { ...JSON.parse(gunzipSync(readFileSync(stored)).toString("utf8")), cached: true };
  }
  mkdirSync(cache, { recursive: true });
  const folder = join(work, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "module.il"), source);
  const begin = performance.now();
  // Mapped cells keep no attributes: a netlist with them is several times as large.
  runYosys(
    `read_rtlil module.il; hierarchy -top ${name}; ${MAPPING} -top ${name}; setattr -unset src; write_json netlist.json`,
    folder,
  );
  const whole = JSON.parse(readFileSync(join(folder, "netlist.json"), "utf8"));
  const netlist = slim(whole.modules[name]);
  const cells = {};
  for (const { type } of Object.values(netlist.cells)) cells[type] = (cells[type] ?? 0) + 1;
  const result = { cells, netlist, seconds: (performance.now() - begin) / 1000 };
  writeFileSync(`${stored}.part`, gzipSync(JSON.stringify(result)));
  renameSync(`${stored}.part`, stored);
  rmSync(folder, { recursive: true, force: true });
  return { ...result, cached: false };
}

/** The ports of a module, marked as a black box. */
function blackBox(name, text) {
  const ports = text.split("\n").filter((line) => /^ {2}wire .*\b(?:input|output|inout) \d+ /.test(line));
  return `attribute \\blackbox 1\nmodule \\${name}\n${ports.join("\n")}\nend\n`;
}

/** What the depth needs: cells with their register parameters, ports, and readable names of the nets. */
function slim({ ports, cells, netnames }) {
  const kept = {};
  for (const [name, { type, parameters, port_directions, connections }] of Object.entries(cells)) {
    if (type.startsWith("$scopeinfo")) continue;
    const registers = Object.entries(parameters ?? {}).filter(([key]) => /^[ABCDMP]+REG$/.test(key));
    kept[name] = { type, parameters: Object.fromEntries(registers), port_directions, connections };
  }
  const names = {};
  for (const [name, { hide_name, bits }] of Object.entries(netnames)) {
    if (hide_name === 1) continue;
    bits.forEach((bit, index) => {
      if (typeof bit === "number" && names[bit] === undefined) {
        names[bit] = bits.length > 1 ? `${name}[${index}]` : name;
      }
    });
  }
  return { ports, cells: kept, names };
}
