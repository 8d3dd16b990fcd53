/** The release's own writers of tar and deb archives, read back by the tools that will meet them. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

interface Entry {
  readonly path: string;
  readonly mode?: number;
  readonly content?: Uint8Array;
  readonly link?: string;
}
type Packages = Record<string, { dependencies?: Record<string, string>; [field: string]: unknown }>;

const release = new URL("../../../board-firmware/release/", import.meta.url);
const { tarball } = (await import(new URL("tar.mjs", release).href)) as {
  tarball: (entries: readonly Entry[], time: number) => Buffer;
};
const { debianPackage } = (await import(new URL("deb.mjs", release).href)) as {
  debianPackage: (parts: object) => Buffer;
};
const { runtimeClosure } = (await import(new URL("dependencies.mjs", release).href)) as {
  runtimeClosure: (packages: Packages, workspaces: readonly string[]) => string[];
};

const TIME = 1_700_000_000;
const LONG = `usr/lib/${"deep/".repeat(25)}file.js`;
const entries: Entry[] = [
  { path: "usr/lib/sluice/run", content: Buffer.from("#!/bin/sh\n"), mode: 0o755 },
  { path: LONG, content: Buffer.alloc(1_000, 7) },
  { path: "etc/default/sluice", content: Buffer.from("A=1\n") },
  { path: "usr/lib/sluice/current", link: "run" },
];

describe("release archives", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-release-test-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("are tar archives that tar unpacks: contents, modes, links, long names, the one time", () => {
    writeFileSync(join(folder, "a.tar"), tarball(entries, TIME));
    execFileSync("tar", ["-xf", "a.tar"], { cwd: folder });
    expect(readFileSync(join(folder, LONG))).toEqual(Buffer.alloc(1_000, 7));
    expect(readFileSync(join(folder, "usr/lib/sluice/current"), "utf8")).toBe("#!/bin/sh\n");
    const { mode, mtimeMs } = statSync(join(folder, "usr/lib/sluice/run"));
    expect(mode & 0o777).toBe(0o755);
    expect(mtimeMs).toBe(TIME * 1000);
    expect(statSync(join(folder, "etc/default/sluice")).mode & 0o777).toBe(0o644);
  });

  it("do not depend on the order of what goes in", () => {
    expect(tarball([...entries].reverse(), TIME).equals(tarball(entries, TIME))).toBe(true);
  });

  it("are Debian packages that dpkg-deb reads", ({ skip }) => {
    if (spawnSync("dpkg-deb", ["--version"]).status !== 0) return skip("no dpkg-deb here");
    const control = {
      Package: "sluice-test",
      Version: "1.2.3",
      Architecture: "arm64",
      Maintainer: "Nobody <nobody@localhost>",
      Description: "A test\n of the writer",
    };
    const scripts = { postinst: Buffer.from("#!/bin/sh\n") };
    const parts = { control, scripts, conffiles: ["/etc/default/sluice"], entries, time: TIME };
    const path = join(folder, "a.deb");
    writeFileSync(path, debianPackage(parts));
    expect(debianPackage(parts).equals(readFileSync(path))).toBe(true);
    expect(execFileSync("dpkg-deb", ["-f", path, "Package", "Installed-Size"], { encoding: "utf8" })).toBe(
      "Package: sluice-test\nInstalled-Size: 3\n",
    );
    expect(execFileSync("dpkg-deb", ["-c", path], { encoding: "utf8" })).toContain("./usr/lib/sluice/run");
    execFileSync("dpkg-deb", ["-x", path, folder]);
    expect(readFileSync(join(folder, "etc/default/sluice"), "utf8")).toBe("A=1\n");
    execFileSync("dpkg-deb", ["-e", path, join(folder, "DEBIAN")]);
    const sums = readFileSync(join(folder, "DEBIAN/md5sums"), "utf8");
    expect(execFileSync("md5sum", ["-c", "--quiet"], { cwd: folder, input: sums, encoding: "utf8" })).toBe(
      "",
    );
  });

  it("hold what the board needs at run time, for its processor, and nothing of the host's", () => {
    const lock = JSON.parse(readFileSync(new URL("../../package-lock.json", release), "utf8")) as {
      packages: Packages;
    };
    const names = runtimeClosure(lock.packages, ["sdk", "bitstreams", "board-firmware"]);
    expect(names).toContain("node_modules/@koromix/koffi-linux-arm64");
    expect(names).toContain("node_modules/serialport");
    expect(names.filter((name) => /koffi-(?!linux-arm64$)|tensorflow|vitest|jimp/.test(name))).toEqual([]);
  });
});
