/**
 * Verilates the overlay of a geometry into a shared library: bitstreams/build/<geometry>/libsluice.so.
 *
 *   node bitstreams/scripts/build-rtl.mjs [geometry ...] [--assert] [--force]
 *
 * Default: every geometry in sdk/src/overlay/geometry.ts. Rebuilds only what is older than its sources. `--assert`
 * keeps the assertions of the RTL, into bitstreams/build/<geometry>-assert.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { geometries, geometryById } from "@sluice/sdk/overlay";

const root = fileURLToPath(new URL("..", import.meta.url));
const rtl = join(root, "rtl");
const sim = join(root, "sim");

export function verilatorVersion() {
  const probe = spawnSync("verilator", ["--version"], { encoding: "utf8" });
  return probe.status === 0 ? probe.stdout.trim() : undefined;
}

export function buildRtl(geometry, { assertions = false, force = false } = {}) {
  const folder = join(root, "build", assertions ? `${geometry.id}-assert` : geometry.id);
  const library = join(folder, "libsluice.so");
  const sources = [rtl, sim].flatMap((place) => readdirSync(place).map((name) => join(place, name)));
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  if (!force && existsSync(library) && statSync(library).mtimeMs > newest) return library;
  mkdirSync(folder, { recursive: true });
  const parameters = {
    Pixels: geometry.pixels,
    Inputs: geometry.inputs,
    Outputs: geometry.outputs,
    DecoderLanes: geometry.decoderLanes,
    RequantizeLanes: geometry.requantizeLanes,
    ActivationRows: geometry.activationRows,
    WeightLines: geometry.weightLines,
    MaxLayers: geometry.maxLayers,
    TapLanes: geometry.pixels,
  };
  const run = spawnSync(
    "verilator",
    [
      ..."--cc --build --exe --top-module sluice_overlay -O3 --x-assign fast --x-initial fast".split(" "),
      assertions ? "--assert" : "--noassert",
      ..."-Wall -Wno-UNUSEDSIGNAL -Wno-UNUSEDPARAM".split(" "),
      "-CFLAGS",
      `-O${process.env.SLUICE_TRACE ? 0 : 1} -fPIC -fvisibility=hidden -std=c++17`,
      "-LDFLAGS",
      "-shared",
      "-o",
      library,
      "--Mdir",
      join(folder, "objects"),
      ...Object.entries(parameters).map(([name, value]) => `-G${name}=${value}`),
      ...(process.env.SLUICE_TRACE ? ["-DSLUICE_TRACE"] : []),
      "-y",
      rtl,
      join(rtl, "sluice_pkg.sv"),
      join(rtl, "sluice_overlay.sv"),
      join(sim, "simulation.cpp"),
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
      env: {
        ...process.env,
        MAKEFLAGS: "-j2",
        OPT_FAST: process.env.SLUICE_TRACE ? "-O0" : "-O1",
        OPT_SLOW: "-O0",
      },
    },
  );
  if (run.status !== 0) {
    throw new Error(
      `Verilator failed for ${geometry.id}:\n${run.stdout}\n${run.stderr ?? run.error?.message}`,
    );
  }
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
      force: process.argv.includes("--force"),
    });
    console.log(
      `${geometry.id}: ${library} (${version}, ${((performance.now() - begin) / 1000).toFixed(1)} s)`,
    );
  }
}
