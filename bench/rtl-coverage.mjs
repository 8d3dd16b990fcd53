/**
 * Line and toggle coverage of the RTL per module, over the device contract, random programs and compiled random graphs.
 *
 *   node bench/rtl-coverage.mjs [--programs N] [--graphs N] [--missing MODULE]
 *
 * A point is covered when one simulation reached it: a line (branch) was executed, a bit went up or down. `--missing` lists the
 * lines of a module that were never reached. Needs Verilator; builds p4i8o8 with counters on the first run.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { smallGeometry } from "@sluice/sdk/overlay";
import { buildRtl } from "../bitstreams/scripts/build-rtl.mjs";

const { values } = parseArgs({
  options: {
    programs: { type: "string", default: "40" },
    graphs: { type: "string", default: "25" },
    missing: { type: "string" },
  },
});
const root = fileURLToPath(new URL("..", import.meta.url));
buildRtl(smallGeometry, { coverage: true });

/** Points by their name in Verilator's file, with how often they were hit. */
const points = new Map();

function addFile(path) {
  for (const line of readFileSync(path, "latin1").split("\n")) {
    const match = /^C '(.*)' (\d+)$/.exec(line);
    if (match) points.set(match[1], (points.get(match[1]) ?? 0) + Number(match[2]));
  }
}

const folder = mkdtempSync(join(tmpdir(), "sluice-coverage-"));
try {
  for (const suite of ["contract", "random-programs", "random-graphs"]) {
    const run = spawnSync(
      "npx",
      ["vitest", "run", "--config", "vitest.rtl.config.ts", `test/rtl/${suite}.test.ts`, "--maxWorkers=1"],
      {
        cwd: root,
        encoding: "utf8",
        env: {
          ...process.env,
          SLUICE_RTL_BUILD: "coverage",
          SLUICE_RTL_COVERAGE: folder,
          SLUICE_RTL_PROGRAMS: values.programs,
          SLUICE_RTL_GRAPHS: values.graphs,
        },
      },
    );
    if (run.status !== 0) throw new Error(`${suite} failed:\n${run.stdout}\n${run.stderr}`);
    for (const name of readdirSync(folder)) {
      addFile(join(folder, name));
      rmSync(join(folder, name));
    }
    process.stderr.write(`${suite}: ${points.size} points so far\n`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** A field of a point's name: a key, then its value, each between control characters. */
const field = (name, key) => new RegExp(`\\x01${key}\\x02([^\\x01]*)`).exec(name)?.[1] ?? "";

const modules = new Map();
for (const [name, hits] of points) {
  const module = basename(field(name, "f")).replace(/\.sv$/, "");
  const kind = field(name, "page").startsWith("v_toggle") ? "toggle" : "line";
  const own = modules.get(module) ?? { line: [0, 0], toggle: [0, 0], missing: new Set() };
  own[kind][0] += hits > 0 ? 1 : 0;
  own[kind][1] += 1;
  if (kind === "line" && hits === 0) own.missing.add(Number(field(name, "l")));
  modules.set(module, own);
}
const percent = ([hit, all]) => (all === 0 ? "-" : `${((100 * hit) / all).toFixed(1)} %`);
const row = (name, line, toggle) =>
  console.log(
    `${name.padEnd(24)}${percent(line).padStart(10)}${`${line.join(" of ")}`.padStart(16)}${percent(toggle).padStart(10)}${`${toggle.join(" of ")}`.padStart(18)}`,
  );
console.log(`${"module".padEnd(24)}${"lines".padStart(10)}${"".padStart(16)}${"toggles".padStart(10)}`);
const total = { line: [0, 0], toggle: [0, 0] };
for (const [name, { line, toggle }] of [...modules].sort(([a], [b]) => a.localeCompare(b))) {
  row(name, line, toggle);
  for (const at of [0, 1]) {
    total.line[at] += line[at];
    total.toggle[at] += toggle[at];
  }
}
row("total", total.line, total.toggle);
if (values.missing) {
  console.log(
    `${values.missing}: lines never reached: ${[...(modules.get(values.missing)?.missing ?? [])].sort((a, b) => a - b).join(", ")}`,
  );
}
