/** Builds a C++ bench around one module of the RTL, unless its sources and options are those of the last build. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../bitstreams/", import.meta.url));

export interface BenchSources {
  /** Folder in bitstreams/build, and the folder in bitstreams/sim that holds bench.cpp. */
  readonly name: string;
  readonly top: string;
  /** Files of bitstreams/rtl, packages first. */
  readonly rtl: readonly string[];
  /** Of the top module; each choice is a build of its own. */
  readonly parameters?: Readonly<Record<string, number>>;
}

/** @returns the path of the executable. @throws {Error} with Verilator's messages */
export function buildBench({ name, top, rtl, parameters = {} }: BenchSources): string {
  const given = Object.entries(parameters).map(([key, value]) => `-G${key}=${value}`);
  const folder = join(root, "build", [name, ...Object.entries(parameters).flat()].join("-"));
  const binary = join(folder, "bench");
  const digestPath = join(folder, "sources.sha256");
  const bench = join(root, "sim", name, "bench.cpp");
  const sources = rtl.map((file) => join(root, "rtl", file));
  const options = [
    ..."--cc --build --exe -O3 --assert --x-assign unique --x-initial unique -Wall".split(" "),
    ...["-Wno-UNUSEDSIGNAL", "-Wno-UNUSEDPARAM", "-CFLAGS", "-O1 -std=c++17", "--top-module", top],
    ...given,
  ];
  const hash = createHash("sha256").update(JSON.stringify(options));
  for (const path of [...sources, bench]) hash.update(readFileSync(path));
  const digest = hash.digest("hex");
  if (existsSync(binary) && existsSync(digestPath) && readFileSync(digestPath, "utf8") === digest)
    return binary;
  mkdirSync(folder, { recursive: true });
  const run = spawnSync(
    "verilator",
    [...options, "-o", binary, "--Mdir", join(folder, "objects"), ...sources, bench],
    { encoding: "utf8" },
  );
  if (run.status !== 0) throw new Error(`Verilator failed:\n${run.stdout}\n${run.stderr}`);
  writeFileSync(digestPath, digest);
  return binary;
}
