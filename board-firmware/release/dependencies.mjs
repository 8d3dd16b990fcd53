/** Which packages of the lock file a workspace needs at run time on another machine, and where they come from. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TARGET = { os: "linux", cpu: "arm64", libc: "glibc" };

/**
 * Keys of `packages` in package-lock.json, sorted; workspaces themselves are left out.
 *
 * @param {Record<string, any>} packages
 * @param {readonly string[]} workspaces folders
 */
export function runtimeClosure(packages, workspaces) {
  const seen = new Set();
  const waiting = [...workspaces];
  while (waiting.length > 0) {
    const key = waiting.pop();
    const {
      dependencies = {},
      optionalDependencies,
      peerDependencies = {},
      peerDependenciesMeta,
    } = packages[key];
    // What a workspace calls optional is for hosts: the board trains nothing and needs no TensorFlow.js.
    const optional = workspaces.includes(key) ? {} : (optionalDependencies ?? {});
    const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta?.[name]?.optional);
    for (const name of [...Object.keys({ ...dependencies, ...optional }), ...peers]) {
      const found = resolveFrom(packages, key, name);
      if (found === undefined && name in optional) continue;
      if (found === undefined) throw new Error(`package-lock.json has no ${name} for ${key}`);
      const target = packages[found].link ? packages[found].resolved : found;
      if (seen.has(target) || !runsOnTarget(packages[target])) continue;
      seen.add(target);
      waiting.push(target);
    }
  }
  return [...seen].filter((key) => key.includes("node_modules/")).sort();
}

/** As Node looks: beside the package, then in each folder above. */
function resolveFrom(packages, key, name) {
  for (let folder = key; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/")))) {
    const candidate = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[candidate]) return candidate;
    if (folder === "") return undefined;
  }
}

function runsOnTarget(entry) {
  return Object.entries(TARGET).every(([what, value]) => {
    const allowed = entry[what];
    return allowed === undefined || allowed.includes(value);
  });
}

/**
 * Folder with the package's files: as installed here, else fetched and held to the lock file's hash.
 *
 * @param {string} root of the repository
 * @param {string} key of the lock file
 * @param {{ version: string, integrity: string }} entry
 * @param {string} work a folder for what is fetched
 */
export function packageFolder(root, key, entry, work) {
  const installed = join(root, key);
  if (existsSync(join(installed, "package.json"))) return installed;
  const name = key.slice(key.lastIndexOf("node_modules/") + "node_modules/".length);
  const archive = fetchPackage(name, entry.version, entry.integrity, work);
  const folder = join(work, key);
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xzf", archive, "--strip-components=1", "-C", folder]);
  return folder;
}

/** Path of the package's archive. @throws when its hash is another one */
export function fetchPackage(name, version, integrity, work) {
  execFileSync("npm", ["pack", `${name}@${version}`, "--pack-destination", work, "--loglevel=error"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const archive = join(work, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (found !== integrity) throw new Error(`${name}@${version} is ${found}, expected ${integrity}`);
  return archive;
}
