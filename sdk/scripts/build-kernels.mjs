// Compiles the AssemblyScript kernels next to the modules that load them. What is newer than its source is left alone.
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const kernels = [
  { source: here("../float-kernel/assembly/index.ts"), target: here("../dist/reference/float/kernel.wasm") },
  { source: here("../integer-kernel/assembly/index.ts"), target: here("../dist/reference/kernel.wasm") },
  { source: here("../codec-kernel/assembly/index.ts"), target: here("../dist/codec/ans/kernel.wasm") },
];

for (const { source, target } of kernels) {
  const folder = dirname(source);
  const changed = Math.max(...readdirSync(folder).map((file) => statSync(`${folder}/${file}`).mtimeMs));
  if (existsSync(target) && statSync(target).mtimeMs > changed) continue;
  mkdirSync(dirname(target), { recursive: true });
  const { error, stderr } = await asc.main([
    source,
    "--outFile",
    target,
    ...["--runtime", "stub", "--importMemory", "--enable", "simd", "--noAssert", "-O3", "--converge"],
  ]);
  if (error) {
    process.stderr.write(stderr.toString());
    throw error;
  }
}
