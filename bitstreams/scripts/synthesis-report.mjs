/**
 * What the overlay would take on a K26, as far as yosys can tell: LUT, FF, DSP, BRAM36 and URAM per module, and the
 * logic depth of the worst path, beside the device's budget and the numbers of the reference thesis.
 *
 *   npm run report:synthesis -- [geometry] [--module name] [--json] [--install]
 *
 * Mapping is `synth_xilinx -family xcup -nowidelut`, module by module without optimisation across their borders; the
 * depth is that of the whole netlist. No placement, no routing, no timing: estimates.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { geometryById } from "@sluice/sdk/overlay";
import { overlayParameters, overlaySources } from "./overlay-build.mjs";
import { logicDepth } from "./synthesis/logic-depth.mjs";
import { addResources, countResources, emptyResources, K26, TARGET, THESIS } from "./synthesis/resources.mjs";
import { INSTALL_HINT, installTools, nativeYosys, runYosys, toolsInstalled } from "./synthesis/tools.mjs";
import { uniqueModules } from "./synthesis/unique-modules.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Maps a module and everything below it.
 *
 * @param {{ sources: string[], top: string, parameters?: Record<string, number>, work: string }} design
 * @returns {{ modules: object[], total: object, depth: object }} modules children first, with their own resources,
 *   those with everything below (`inclusive`), and how often they occur
 */
export function synthesize({ sources, top, parameters = {}, work }) {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  // One file: the front end starts threads for several, which WebAssembly does not have.
  writeFileSync(join(work, "design.sv"), sources.map((path) => readFileSync(path, "utf8")).join("\n"));
  const values = Object.entries(parameters).map(([name, value]) => `-G ${name}=${value}`);
  runYosys(
    `read_slang -j 1 --allow-use-before-declare -DSYNTHESIS --keep-hierarchy --top ${top} ${values.join(" ")} design.sv; ` +
      "bwmuxmap; opt_clean; write_rtlil design.il",
    work,
    { slang: true },
  );
  writeFileSync(join(work, "design.il"), uniqueModules(readFileSync(join(work, "design.il"), "utf8")));
  runYosys(
    `read_rtlil design.il; hierarchy -top ${top}; synth_xilinx -family xcup -nowidelut -noiopad -noclkbuf -top ${top}; ` +
      "tee -o stat.json stat -json; flatten; opt_clean; write_json netlist.json",
    work,
  );
  const stat = JSON.parse(readFileSync(join(work, "stat.json"), "utf8").replace(/^[^{]*/, ""));
  return {
    ...moduleTable(stat, top),
    depth: logicDepth(JSON.parse(readFileSync(join(work, "netlist.json"), "utf8")), top),
  };
}

function moduleTable(stat, top) {
  const cells = Object.fromEntries(
    Object.entries(stat.modules).map(([name, module]) => [name.replace(/^\\/, ""), module.num_cells_by_type]),
  );
  const inclusive = new Map();
  const times = new Map();
  const include = (name) => {
    if (inclusive.has(name)) return inclusive.get(name);
    let sum = addResources(emptyResources(), countResources(cells[name]));
    for (const [type, count] of Object.entries(cells[name])) {
      if (cells[type.replace(/^\\/, "")]) sum = addResources(sum, include(type.replace(/^\\/, "")), count);
    }
    inclusive.set(name, sum);
    return sum;
  };
  const total = include(top);
  const order = [...inclusive.keys()].reverse();
  times.set(top, 1);
  for (const name of order) {
    for (const [type, count] of Object.entries(cells[name])) {
      const child = type.replace(/^\\/, "");
      if (cells[child]) times.set(child, (times.get(child) ?? 0) + count * times.get(name));
    }
  }
  const modules = order.map((name) => ({
    name,
    times: times.get(name),
    own: countResources(cells[name]),
    inclusive: inclusive.get(name),
  }));
  return { modules, total };
}

function print({ modules, total, depth }, geometry) {
  const columns = ["lut", "lutMemory", "ff", "carry", "dsp", "bram36", "uram"];
  const row = (name, times, values) =>
    [
      name.padEnd(26),
      String(times).padStart(5),
      ...columns.map((key) => String(values[key] ?? "").padStart(9)),
    ].join("");
  console.log(`${geometry.id}; per module: one instance with everything below it`);
  console.log(
    row("module", "times", {
      lut: "LUT",
      lutMemory: "LUTRAM",
      ff: "FF",
      carry: "CARRY",
      dsp: "DSP",
      bram36: "BRAM36",
      uram: "URAM",
    }),
  );
  for (const module of modules) console.log(row(module.name, module.times, module.inclusive));
  console.log("");
  console.log(row("overlay", "", total));
  console.log(row("K26", "", K26));
  console.log(row("target, at most", "", TARGET));
  console.log(row("thesis, no decoder", "", THESIS.without));
  console.log(row("thesis, one decoder", "", THESIS.with));
  console.log(
    `\nWorst path: ${depth.levels} LUT levels, ${depth.carries} carry cells, ${depth.dsps} DSP, to ${depth.end}\n  ${depth.path.join(" ")}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  if (words.includes("--install")) installTools();
  if (!toolsInstalled()) {
    console.error(`The synthesis report needs tools that are not installed. ${INSTALL_HINT}`);
    process.exit(1);
  }
  const geometry = geometryById(words.find((word) => !word.startsWith("--")) ?? "p8i8o16");
  const report = synthesize({
    sources: overlaySources(),
    top: "sluice_overlay",
    parameters: overlayParameters(geometry),
    work: join(root, "build", `synthesis-${geometry.id}`),
  });
  if (words.includes("--json")) {
    const budget = { k26: K26, target: TARGET, thesis: THESIS };
    console.log(
      JSON.stringify({ geometry: geometry.id, mapper: nativeYosys() ?? "yosys", ...report, budget }, null, 2),
    );
  } else print(report, geometry);
}
