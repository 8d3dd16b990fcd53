/**
 * What the overlay would take on a K26, as far as yosys can tell: LUT, FF, DSP, BRAM36 and URAM per module, and the
 * logic depth of the worst path, beside the device's budget and the numbers of the reference thesis.
 *
 *   npm run report:synthesis -- [geometry] [--module=name,...] [--json] [--install]
 *
 * Mapping is `synth_xilinx -family xcup -nowidelut`, module by module without optimisation across their borders; depth
 * is that inside a module, and paths through a border count once on either side. No placement, no routing, no timing: estimates.
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
 * @param {{ sources: string[], top: string, parameters?: Record<string, number>, work: string,
 *   names?: string[], seconds?: number }} design
 * `names`: only these modules; `seconds`: at most, for one module.
 *
 * @returns {{ modules: object[], total: object, depth: object, failures: object[] }} modules children first, with
 *   their own resources, those with everything below (`inclusive`), how often they occur and the depth inside
 */
export function synthesize({ sources, top, parameters = {}, work, names, seconds = 120 }) {
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
  const texts = uniqueModules(readFileSync(join(work, "design.il"), "utf8"));
  const failures = [];
  const mapped = [];
  for (const [name, text] of texts) {
    if (names && !names.includes(name)) continue;
    writeFileSync(join(work, "module.il"), `autoidx ${100_000_000 + 1_000_000 * mapped.length}\n${text}`);
    try {
      // Without its first step, which would look for the modules inside; the border of each stays.
      runYosys(
        "read_rtlil module.il; " +
          // Arrays with many write ports are registers; read as memories they would explode in the mapper.
          "memory_collect; memory_map t:$mem_v2 r:SIZE<=8 %i; memory_map t:$mem_v2 r:WR_PORTS>=3 %i; opt_clean; " +
          "read_verilog -lib -specify +/xilinx/cells_sim.v; " +
          "read_verilog -lib +/xilinx/cells_xtra.v; synth_xilinx -family xcup -nowidelut -noiopad -noclkbuf " +
          `-run prepare:check -top ${name}; select =${name}; write_rtlil -selected mapped-${name}.il`,
        work,
        { seconds },
      );
      mapped.push(name);
    } catch (error) {
      failures.push({ name, reason: error.message });
    }
    console.error(`${name}: ${failures.at(-1)?.name === name ? failures.at(-1).reason : "mapped"}`);
  }
  const read = mapped.map((name) => `read_rtlil mapped-${name}.il`).join("; ");
  runYosys(
    "read_verilog -lib -specify +/xilinx/cells_sim.v; read_verilog -lib +/xilinx/cells_xtra.v; " +
      `${read}; tee -o stat.json stat -json; write_json netlist.json`,
    work,
  );
  const stat = JSON.parse(readFileSync(join(work, "stat.json"), "utf8").replace(/^[^{]*/, ""));
  const netlist = JSON.parse(readFileSync(join(work, "netlist.json"), "utf8"));
  return { ...moduleTable(stat, mapped, top, netlist), failures };
}

function moduleTable(stat, mapped, top, netlist) {
  const cells = Object.fromEntries(mapped.map((name) => [name, stat.modules[`\\${name}`].num_cells_by_type]));
  const inside = (name) =>
    Object.entries(cells[name]).map(([type, count]) => [type.replace(/^\\/, ""), count]);
  const inclusive = new Map();
  const missing = new Map();
  for (const name of mapped) {
    let sum = addResources(emptyResources(), countResources(cells[name]));
    const lost = new Set();
    for (const [type, count] of inside(name)) {
      if (inclusive.has(type)) {
        sum = addResources(sum, inclusive.get(type), count);
        for (const inner of missing.get(type)) lost.add(inner);
      } else if (/[a-z]/.test(type)) lost.add(type);
    }
    inclusive.set(name, sum);
    missing.set(name, lost);
  }
  const times = new Map([[top, 1]]);
  for (const name of mapped.toReversed()) {
    for (const [type, count] of inside(name)) {
      if (inclusive.has(type)) times.set(type, (times.get(type) ?? 0) + count * (times.get(name) ?? 0));
    }
  }
  const modules = mapped.map((name) => ({
    name,
    times: times.get(name) ?? 0,
    own: countResources(cells[name]),
    inclusive: inclusive.get(name),
    /** Modules inside that could not be mapped, and so are not counted. */
    missing: [...missing.get(name)],
    depth: logicDepth(netlist, name),
  }));
  return { modules, total: modules.find(({ name }) => name === top)?.inclusive, depth: worst(modules) };
}

function worst(modules) {
  return modules.reduce((deepest, module) => (module.depth.levels > deepest.depth.levels ? module : deepest));
}

function print({ modules, total, depth, failures }, geometry) {
  const columns = ["lut", "lutMemory", "ff", "carry", "dsp", "bram36", "uram"];
  const row = (name, times, values, levels = "") =>
    name.padEnd(22) +
    [times, ...columns.map((key) => values[key] ?? ""), levels]
      .map((cell) => String(cell).padStart(8))
      .join("");
  const titles = {
    lut: "LUT",
    lutMemory: "LUTRAM",
    ff: "FF",
    carry: "CARRY",
    dsp: "DSP",
    bram36: "BRAM36",
    uram: "URAM",
  };
  console.log(
    `${geometry.id}; per module: one instance with everything mapped below it, LUT levels of its own logic`,
  );
  console.log(row("module", "times", titles, "levels"));
  for (const module of modules)
    console.log(row(module.name, module.times, module.inclusive, module.depth.levels));
  console.log("");
  if (total) console.log(row("overlay", "", total, depth.depth.levels));
  console.log(row("K26", "", K26));
  console.log(row("target, at most", "", TARGET, TARGET.levels));
  console.log(row("thesis, no decoder", "", THESIS.without));
  console.log(row("thesis, one decoder", "", THESIS.with));
  const { levels, carries, dsps, end, path } = depth.depth;
  console.log(
    `\nWorst path: ${depth.name}, ${levels} LUT levels, ${carries} carry cells, ${dsps} DSP, to ${end}`,
  );
  console.log(`  ${path.join(" ")}`);
  for (const { name, reason } of failures) console.log(`\nNot mapped: ${name}: ${reason}`);
  if (failures.length > 0) console.log("The overlay's sum lacks the modules that were not mapped.");
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
    names: words
      .find((word) => word.startsWith("--module="))
      ?.slice(9)
      .split(","),
  });
  if (words.includes("--json")) {
    const budget = { k26: K26, target: TARGET, thesis: THESIS };
    console.log(
      JSON.stringify({ geometry: geometry.id, mapper: nativeYosys() ?? "yosys", ...report, budget }, null, 2),
    );
  } else print(report, geometry);
}
