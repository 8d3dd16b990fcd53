/**
 * The tools of the synthesis report, in bitstreams/build/tools, fetched by `installTools`.
 *
 * Debian's yosys 0.23 reads neither packages nor packed arrays, so the SystemVerilog goes through the slang front end
 * of a newer yosys, the WebAssembly build from npm; that one needs the exception handling of Node 24. Mapping is the
 * work of the installed yosys where there is one (three times faster), else of the WebAssembly build.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../build/tools", import.meta.url));
const runner = fileURLToPath(new URL("webassembly-yosys.mjs", import.meta.url));
const PACKAGES = ["@yowasp/yosys@0.70.62-dev.1236", "node@24"];

export const INSTALL_HINT =
  "Run `npm run report:synthesis -- --install` once; it fetches yosys with the slang front end and Node 24 from npm (200 MB).";

export function toolsInstalled() {
  return existsSync(yosysFolder()) && node24() !== undefined;
}

export function installTools() {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const run = spawnSync("npm", ["install", "--no-save", "--no-audit", "--no-fund", ...PACKAGES], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (run.status !== 0) throw new Error(`npm could not install ${PACKAGES.join(" and ")}.`);
}

/** The installed yosys, or undefined. */
export function nativeYosys() {
  const probe = spawnSync("yosys", ["-V"], { encoding: "utf8" });
  return probe.status === 0 ? probe.stdout.trim().split(" (")[0] : undefined;
}

/**
 * Runs a yosys script in a folder. `slang`: the front end is needed, so only the WebAssembly build will do.
 *
 * @returns {string} what yosys printed
 * @throws {Error} with the first error of the log when yosys fails, or takes more than `seconds` or 4 GB
 */
export function runYosys(script, cwd, { slang = false, seconds = 600 } = {}) {
  const native = !slang && nativeYosys() !== undefined;
  // The limit is on address space; WebAssembly reserves far more than it uses and is bound to 4 GB anyway.
  const words = native
    ? ["sh", "-c", 'ulimit -v 4000000 && exec yosys -p "$1"', "sh", script]
    : [node24() ?? process.execPath, runner, yosysFolder(), script];
  const [command, ...rest] = words;
  const run = spawnSync(command, rest, {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    timeout: seconds * 1000,
  });
  if (run.status !== 0) {
    if (run.error?.code === "ETIMEDOUT") throw new Error(`yosys was not done after ${seconds} s.`);
    const log = `${run.stdout ?? ""}\n${run.stderr ?? run.error?.message}`.trim().split("\n");
    const first = log.findIndex(
      (line) => /error|bad_alloc|memory/i.test(line) && !/^\d+\.|Executing/.test(line),
    );
    throw new Error(
      log
        .slice(first < 0 ? -5 : first)
        .slice(0, 20)
        .join("\n"),
    );
  }
  return run.stdout;
}

function yosysFolder() {
  return join(folder, "node_modules", "@yowasp", "yosys");
}

function node24() {
  if (Number.parseInt(process.versions.node, 10) >= 24) return process.execPath;
  const fetched = join(folder, "node_modules", "node", "bin", "node");
  return existsSync(fetched) ? fetched : undefined;
}
