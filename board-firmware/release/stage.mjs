/**
 * The files of a release: the built runtime, its dependencies as the lock file names them for arm64, Node.js for
 * arm64, and what systemd and udev need. Everything that comes from the registry is held to its hash.
 */
import { execFileSync } from "node:child_process";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchPackage, packageFolder, runtimeClosure } from "./dependencies.mjs";

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "..", "..");
/** Those of which the board runs something. */
const served = ["sdk", "bitstreams", "board-firmware"];

/** @returns {import("./tar.mjs").Entry[]} paths from the root of the installed system */
export function stageRelease(say) {
  const work = mkdtempSync(join(tmpdir(), "sluice-release-"));
  try {
    say("dependencies for linux/arm64");
    const modules = runtimeModules(work);
    say("Node.js for linux/arm64");
    const node = fetchNode(work);
    return [
      ...systemFiles(),
      { path: "usr/lib/sluice/bin/node", content: node.binary, mode: 0o755 },
      { path: "usr/share/doc/sluice-board/copyright.node", content: node.license },
      ...modules,
      ...builtPackages(),
    ];
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function runtimeModules(work) {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const keys = runtimeClosure(packages, served);
  const entries = keys.flatMap((key) => {
    const folder = packageFolder(root, key, packages[key], work);
    // A workspace's own node_modules stay beside it.
    const place = key.startsWith("node_modules/") ? key : `node_modules/@sluice/${key}`;
    return filesUnder(folder, (name) => name !== "node_modules")
      .filter((path) => isNeeded(`${place}/${relative(folder, path)}`))
      .map((path) => fileAt(path, `usr/lib/sluice/app/${place}/${relative(folder, path)}`));
  });
  if (!entries.some(({ path }) => path.includes("koffi-linux-arm64") && path.endsWith(".node"))) {
    throw new Error("koffi's binary for linux-arm64 is missing from package-lock.json");
  }
  return entries;
}

/** Sources, types, notes and the binaries of other machines stay behind; licences come along. */
function isNeeded(path) {
  if (/(^|\/)(licen[cs]e|copying|notice)[^/]*$/i.test(path)) return true;
  if (/\/prebuilds\/(?!linux-arm64\/)/.test(path) || /musl/.test(path)) return false;
  if (/node_modules\/koffi\/(vendor|doc)\//.test(path)) return false;
  if (/(^|\/)(test|tests|docs|examples?|benchmarks?|\.github)\//.test(path)) return false;
  return !/\.(map|ts|mts|cts|md|markdown|gyp|c|cc|cpp|h|hh|hpp|S|asm|def|cmake|yml|txt)$/.test(path);
}

function builtPackages() {
  return served.flatMap((name) => {
    const place = `usr/lib/sluice/app/node_modules/@sluice/${name}`;
    const built = filesUnder(join(root, name, "dist")).filter(
      (path) => !/\.(map|d\.ts|tsbuildinfo)$/.test(path),
    );
    const folders = name === "board-firmware" ? [...built, ...filesUnder(join(root, name, "bin"))] : built;
    return [join(root, name, "package.json"), ...folders].map((path) =>
      fileAt(path, `${place}/${relative(join(root, name), path)}`),
    );
  });
}

function systemFiles() {
  const doc = "usr/share/doc/sluice-board";
  const files = [
    ["files/sluice-board", "usr/bin/sluice-board", 0o755],
    ["files/sluice-board.service", "usr/lib/systemd/system/sluice-board.service"],
    ["files/sluice.sysusers", "usr/lib/sysusers.d/sluice.conf"],
    ["files/70-sluice.rules", "usr/lib/udev/rules.d/70-sluice.rules"],
    ["files/modules-load.conf", "usr/lib/modules-load.d/sluice.conf"],
    ["files/modprobe.conf", "usr/lib/modprobe.d/sluice.conf"],
    ["files/sluice-board.default", "etc/default/sluice-board"],
    ["files/overlays.README", "usr/share/sluice/overlays/README"],
    ["../../docs/install.md", `${doc}/install.md`],
    ["../../docs/kv260.md", `${doc}/kv260.md`],
    ["../../docs/security.md", `${doc}/security.md`],
    ["../../LICENSE", `${doc}/copyright`],
  ];
  return files.map(([from, path, mode]) => ({ path, mode, content: readFileSync(join(here, from)) }));
}

function fetchNode(work) {
  const {
    package: name,
    version,
    integrity,
  } = JSON.parse(readFileSync(join(here, "node-runtime.json"), "utf8"));
  const archive = fetchPackage(name, version, integrity, work);
  const extract = (path) => execFileSync("tar", ["-xzOf", archive, path], { maxBuffer: 2 ** 29 });
  return { binary: extract("package/bin/node"), license: extract("package/LICENSE") };
}

function filesUnder(folder, enters = () => true) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink() || !enters(entry.name)) return [];
    return entry.isDirectory() ? filesUnder(path, enters) : [path];
  });
}

function fileAt(from, path) {
  const executable = (lstatSync(from).mode & 0o100) !== 0 && /\/bin\//.test(path);
  return { path, content: readFileSync(from), mode: executable ? 0o755 : 0o644 };
}
