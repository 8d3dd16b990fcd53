/** An arm64 root file system with just the C and C++ libraries, from Debian's packages; needs apt-get, not root. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SUITE = "bookworm";
const libraries = ["libc6", "libstdc++6", "libgcc-s1"];

/**
 * @param {string} folder where it is made; kept between runs
 * @returns {string} the root
 */
export function debianRoot(folder) {
  const root = join(folder, "root");
  const downloads = join(folder, "debs");
  for (const path of [root, downloads, "apt/state/lists/partial", "apt/cache/archives/partial"]) {
    mkdirSync(path.startsWith("apt") ? join(folder, path) : path, { recursive: true });
  }
  // The mirror this machine uses already.
  const sources = join(folder, "apt", "sources.list");
  writeFileSync(sources, `deb [arch=arm64] ${mirror()} ${SUITE} main\n`);
  writeFileSync(join(folder, "apt", "status"), "");
  const options = {
    "APT::Architecture": "arm64",
    "APT::Architectures::": "arm64",
    "APT::Sandbox::User": "root",
    "Dir::State": join(folder, "apt", "state"),
    "Dir::State::status": join(folder, "apt", "status"),
    "Dir::Cache": join(folder, "apt", "cache"),
    "Dir::Etc::sourcelist": sources,
    "Dir::Etc::sourceparts": "/dev/null",
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const apt = (list) => execFileSync("apt-get", [...flags, ...list], { cwd: downloads, stdio: "ignore" });
  apt(["update"]);
  apt(["download", ...libraries.map((name) => `${name}:arm64`)]);
  for (const name of readdirSync(downloads).filter((file) => file.endsWith(".deb"))) {
    execFileSync("dpkg-deb", ["-x", join(downloads, name), root]);
  }
  return root;
}

function mirror() {
  const lines = execFileSync("apt-get", ["indextargets", "--format", "$(SITE)", "Created-By: Packages"], {
    encoding: "utf8",
  });
  const sites = [...new Set(lines.split("\n").filter(Boolean))];
  const debian = sites.find((site) => /debian\/?$/.test(site)) ?? sites[0];
  if (!debian) throw new Error("apt-get knows no mirror");
  return debian;
}
