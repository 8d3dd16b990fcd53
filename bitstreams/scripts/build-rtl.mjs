/**
 * Verilates the overlay of a geometry into a shared library: bitstreams/build/<geometry>/libsluice.so.
 *
 *   node bitstreams/scripts/build-rtl.mjs [geometry ...] [--assert] [--coverage] [--inflate] [--force]
 *
 * Default: every geometry in sdk/src/overlay/geometry.ts. Rebuilds only when the sources, the options or Verilator have
 * changed since (their hash lies beside the library). `--assert` keeps the assertions of the RTL, into
 * bitstreams/build/<geometry>-assert; `--coverage` counts lines and toggles (bench/rtl-coverage.mjs), into
 * <geometry>-coverage; `--inflate` adds the decoder for DEFLATE, into <geometry>-inflate.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { geometries, geometryById } from "@sluice/sdk/overlay";
import { overlayParameters, overlaySources } from "./overlay-build.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const sim = join(root, "sim");

export function verilatorVersion() {
  const probe = spawnSync("verilator", ["--version"], { encoding: "utf8" });
  return probe.status === 0 ? probe.stdout.trim() : undefined;
}

function verilatorOptions(geometry, { assertions, coverage, inflate }) {
  return [
    ..."--cc --build --exe --top-module sluice_overlay -O3 --x-assign fast --x-initial fast".split(" "),
    assertions ? "--assert" : "--noassert",
    ...(coverage ? ["--coverage-line", "--coverage-toggle", "--coverage-underscore"] : []),
    ..."-Wall -Wno-UNUSEDSIGNAL -Wno-UNUSEDPARAM".split(" "),
    "-CFLAGS",
    "-O2 -fPIC -fvisibility=hidden -std=c++17",
    "-LDFLAGS",
    "-shared",
    ...Object.entries({
      ...overlayParameters(geometry),
      Inflate: inflate ? 1 : 0,
    }).map(([name, value]) => `-G${name}=${value}`),
  ];
}

/**
 * Evaluation of every cycle at -O1: -O2 takes three times as long to build and runs no faster. Verilator's signed products
 * and sign extensions are to be inlined, which GCC would not do in units this large.
 */
const INLINING =
  "-finline-small-functions --param max-inline-insns-single=400 --param inline-unit-growth=200";
const COMPILER = { OPT_FAST: `-O1 ${INLINING}`, OPT_SLOW: "-O0" };

export function buildRtl(
  geometry,
  { assertions = false, coverage = false, inflate = false, force = false } = {},
) {
  const suffix = `${assertions ? "-assert" : ""}${coverage ? "-coverage" : ""}${inflate ? "-inflate" : ""}`;
  const folder = join(root, "build", `${geometry.id}${suffix}`);
  const library = join(folder, "libsluice.so");
  const options = verilatorOptions(geometry, { assertions, coverage, inflate });
  const rtl = overlaySources();
  const bench = readdirSync(sim, { withFileTypes: true }).filter((entry) => entry.isFile());
  const hash = createHash("sha256").update(JSON.stringify([options, COMPILER, verilatorVersion()]));
  for (const path of [...rtl, ...bench.map(({ name }) => join(sim, name))].sort()) {
    hash.update(basename(path)).update(readFileSync(path));
  }
  const digest = hash.digest("hex");
  const digestPath = join(folder, "sources.sha256");
  const known = existsSync(library) && existsSync(digestPath) && readFileSync(digestPath, "utf8") === digest;
  if (!force && known) return library;
  // make does not know when only the options have changed.
  rmSync(join(folder, "objects"), { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const folders = ["rtl", "rtl/inflate"].flatMap((name) => ["-y", join(root, name)]);
  const run = spawnSync(
    "verilator",
    [
      ...options,
      "-o",
      library,
      "--Mdir",
      join(folder, "objects"),
      ...folders,
      join(root, "rtl", "sluice_pkg.sv"),
      join(root, "rtl", "sluice_overlay.sv"),
      join(sim, "simulation.cpp"),
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
      env: { ...process.env, MAKEFLAGS: "-j2", ...COMPILER },
    },
  );
  if (run.status !== 0) {
    throw new Error(
      `Verilator failed for ${geometry.id}:\n${run.stdout}\n${run.stderr ?? run.error?.message}`,
    );
  }
  writeFileSync(digestPath, digest);
  return library;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const version = verilatorVersion();
  if (version === undefined) {
    console.error("Verilator is not installed. On Debian or Ubuntu: sudo apt-get install verilator");
    process.exit(1);
  }
  const names = process.argv.slice(2).filter((word) => !word.startsWith("--"));
  const chosen = names.length > 0 ? names.map(geometryById) : geometries;
  for (const geometry of chosen) {
    const begin = performance.now();
    const library = buildRtl(geometry, {
      assertions: process.argv.includes("--assert"),
      coverage: process.argv.includes("--coverage"),
      inflate: process.argv.includes("--inflate"),
      force: process.argv.includes("--force"),
    });
    console.log(
      `${geometry.id}: ${library} (${version}, ${((performance.now() - begin) / 1000).toFixed(1)} s)`,
    );
  }
}
