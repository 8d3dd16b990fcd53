/**
 * Imports point one way: sdk <- bitstreams <- board-firmware <- host-agent. Also: the SDK never opens a device, a
 * socket or a port, and the board runtime never imports TensorFlow.js. Exits 1 and names every offender.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const order = ["sdk", "bitstreams", "board-firmware", "host-agent"];
const forbidden = {
  sdk: [/^serialport$/, /^koffi$/, /^express$/, /^(node:)?(net|tls|dgram|http|https|child_process)$/],
  bitstreams: [/^serialport$/, /^express$/, /^(node:)?(net|tls|dgram|http|https)$/],
  "board-firmware": [/^@tensorflow\//, /^express$/],
  "host-agent": [],
};
const importPattern =
  /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\(\s*"([^"]+)"\s*\)|\n\s*import\s+"([^"]+)"/g;

const offences = [];
for (const folder of order) {
  for (const file of sourcesUnder(join(root, folder, "src"))) {
    const text = `\n${readFileSync(file, "utf8")}`;
    for (const match of text.matchAll(importPattern)) {
      const target = match[1] ?? match[2] ?? match[3];
      const owner = ownerOf(target, file);
      if (owner !== undefined && order.indexOf(owner) > order.indexOf(folder)) {
        offences.push(`${relative(root, file)} imports ${target}: ${folder} must not know ${owner}`);
      }
      if (target.startsWith(".") && owner !== folder) {
        offences.push(`${relative(root, file)} imports ${target}: use the package name across folders`);
      }
      if (forbidden[folder].some((pattern) => pattern.test(target))) {
        offences.push(`${relative(root, file)} imports ${target}: not allowed in ${folder}`);
      }
    }
  }
}

if (offences.length > 0) {
  process.stderr.write(`${offences.join("\n")}\n`);
  process.exit(1);
}
process.stdout.write("imports point one way\n");

function ownerOf(target, file) {
  const scoped = /^@sluice\/([a-z-]+)/.exec(target);
  if (scoped) return scoped[1];
  if (!target.startsWith(".")) return undefined;
  return relative(root, resolve(dirname(file), target)).split("/")[0];
}

function sourcesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}
