/**
 * Runs the WebAssembly yosys on the files of the working folder and writes back what it made; a process of its own,
 * because it needs Node 24.
 *
 *   node webassembly-yosys.mjs <folder of @yowasp/yosys> <script>
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, script] = process.argv.slice(2);
const { runYosys } = await import(pathToFileURL(join(folder, "gen", "bundle.js")).href);
const files = {};
for (const name of readdirSync("."))
  if (statSync(name).isFile()) files[name] = new Uint8Array(readFileSync(name));
const text = new TextDecoder();
const print = (bytes) => {
  if (bytes !== null) process.stdout.write(text.decode(bytes, { stream: true }));
};
try {
  const made = await runYosys(["-p", script], files, { stdout: print, stderr: print, decodeASCII: false });
  for (const [name, bytes] of Object.entries(made)) if (bytes !== files[name]) writeFileSync(name, bytes);
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
