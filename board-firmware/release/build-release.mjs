/**
 * Builds the release for the board: an archive and a Debian package for arm64 that bring their own Node.js.
 *
 *   npm run release [-- --out DIR]       default board-firmware/build
 *
 * The same sources, lock file and Node.js version give the same bytes: entries are sorted and carry one time, that of the
 * last commit (or SOURCE_DATE_EPOCH).
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { debianPackage, gzip } from "./deb.mjs";
import { root, stageRelease } from "./stage.mjs";
import { tarball } from "./tar.mjs";

const { values } = parseArgs({ options: { out: { type: "string" } } });
const out = resolve(values.out ?? join(root, "board-firmware", "build"));
const { version } = JSON.parse(readFileSync(join(root, "board-firmware", "package.json"), "utf8"));
const time = releaseTime();
const say = (text) => process.stderr.write(`release: ${text}\n`);

const entries = stageRelease(say);
const script = (name) => readFileSync(new URL(`./files/${name}`, import.meta.url));
say("archives");
const files = {
  [`sluice-board_${version}_arm64.deb`]: debianPackage({
    control: {
      Package: "sluice-board",
      Version: version,
      Architecture: "arm64",
      Maintainer: "The Sluice authors <sluice@localhost>",
      Depends: "libc6 (>= 2.28), libstdc++6 (>= 8), libgcc-s1, systemd (>= 246), udev",
      Section: "science",
      Priority: "optional",
      Description:
        "Sluice board runtime for the Kria KV260\n Loads the overlay through safety gates, keeps models, and serves paired hosts over TCP and\n serial. Brings its own Node.js.",
    },
    scripts: { postinst: script("postinst"), prerm: script("prerm"), postrm: script("postrm") },
    conffiles: ["/etc/default/sluice-board"],
    entries,
    time,
  }),
  [`sluice-board-${version}-linux-arm64.tar.gz`]: gzip(tarball(entries, time, `sluice-board-${version}/`)),
};
mkdirSync(out, { recursive: true });
const sums = [];
for (const [name, bytes] of Object.entries(files)) {
  writeFileSync(join(out, name), bytes);
  sums.push(`${createHash("sha256").update(bytes).digest("hex")}  ${name}`);
  process.stdout.write(`${sums.at(-1)}  ${(bytes.length / 1e6).toFixed(1)} MB\n`);
}
writeFileSync(join(out, "SHA256SUMS"), `${sums.join("\n")}\n`);

function releaseTime() {
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH) return Number(SOURCE_DATE_EPOCH);
  return Number(execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: root, encoding: "utf8" }).trim());
}
