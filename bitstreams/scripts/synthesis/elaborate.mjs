/** From SystemVerilog to RTLIL in which every module occurs once. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runYosys } from "./tools.mjs";
import { uniqueModules } from "./unique-modules.mjs";

/** Ports of the primitive that the RTL instantiates itself. */
const PRIMITIVES = [fileURLToPath(new URL("../../sim/DSP48E2.sv", import.meta.url))];

/**
 * @param {{ sources: string[], top: string, parameters?: Record<string, number>, work: string }} design
 * @returns {string} RTLIL
 * @throws {Error} with the first message of the front end
 */
export function elaborate({ sources, top, parameters = {}, work }) {
  mkdirSync(work, { recursive: true });
  // One file: the front end starts threads for several, which WebAssembly does not have.
  writeFileSync(
    join(work, "design.sv"),
    [...sources, ...PRIMITIVES].map((path) => readFileSync(path, "utf8")).join("\n"),
  );
  const values = Object.entries(parameters).map(([name, value]) => `-G ${name}=${value}`);
  runYosys(
    `read_slang -j 1 --allow-use-before-declare -DSYNTHESIS --keep-hierarchy --blackboxed-module DSP48E2 --top ${top} ${values.join(" ")} design.sv; ` +
      "bwmuxmap; opt_clean; write_rtlil design.il",
    work,
    { slang: true },
  );
  return uniqueModules(readFileSync(join(work, "design.il"), "utf8"));
}
