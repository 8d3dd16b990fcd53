// Compiles the emulator's WASM SIMD kernel: bitstreams/emulator-kernel/assembly -> bitstreams/dist/emulator/kernel.wasm.
// Skips the work when the kernel is newer than its sources.
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const here = dirname(fileURLToPath(import.meta.url));
const sources = join(here, "assembly");
const target = join(here, "..", "dist", "emulator", "kernel.wasm");

function newest(paths) {
  return Math.max(...paths.map((path) => statSync(path).mtimeMs));
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const inputs = readdirSync(sources).map((name) => join(sources, name));
if (modified(target) < newest([...inputs, fileURLToPath(import.meta.url)])) {
  mkdirSync(dirname(target), { recursive: true });
  const { error } = await asc.main(
    [
      join(sources, "index.ts"),
      ...["--outFile", target],
      ...["--runtime", "stub"],
      ...["--enable", "simd"],
      ...["--optimizeLevel", "3", "--shrinkLevel", "0", "--noAssert"],
      ...["--initialMemory", "1"],
    ],
    { stdout: process.stdout, stderr: process.stderr },
  );
  if (error) {
    console.error(`The WASM kernel could not be built: ${error.message}`);
    process.exitCode = 1;
  }
}
