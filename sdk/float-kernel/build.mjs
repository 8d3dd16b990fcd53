// Compiles the float kernels to dist/reference/float/kernel.wasm, next to the module that loads them.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
mkdirSync(here("../dist/reference/float"), { recursive: true });
const { error, stderr } = await asc.main([
  here("assembly/index.ts"),
  "--outFile",
  here("../dist/reference/float/kernel.wasm"),
  ...["--runtime", "stub", "--importMemory", "--enable", "simd", "--noAssert", "-O3", "--converge"],
]);
if (error) {
  process.stderr.write(stderr.toString());
  throw error;
}
