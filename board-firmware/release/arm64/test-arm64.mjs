/**
 * Runs the release on arm64: on such a machine as it is, elsewhere under QEMU's user-mode emulation with Debian's arm64
 * libraries.
 *
 *   npm run test:arm64 [-- --deb FILE]     builds the release first unless FILE is given
 *
 * Installs the package into a folder, checks the native modules, runs the device contract suite on the installed
 * devices, then starts the installed runtime, pairs with it and deploys the bundled model to it over TCP, every layer and
 * logit compared with the reference. $SLUICE_QEMU and $SLUICE_ARM64_ROOT name an emulator and a root file system to use.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { debianRoot } from "./debian-root.mjs";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const build = join(repository, "board-firmware", "build");
const { values } = parseArgs({ options: { deb: { type: "string" } } });

const qemu = findQemu();
const missing = whatIsMissing();
if (missing) {
  console.log(`arm64 test skipped: ${missing}`);
  process.exit(0);
}

const work = mkdtempSync(join(tmpdir(), "sluice-arm64-"));
const system = join(work, "root");
let failures = 0;
try {
  const deb = values.deb ?? (await step("build the release", buildRelease));
  await step("install it over Debian's arm64 libraries", () => install(deb));
  await step("Node.js starts", () =>
    console.log(`    ${node(["-p", "process.version + ' ' + process.arch"])}`),
  );
  await step("native modules load and work", nativeModules);
  await step("device contract suite on the installed emulated and kv260 devices", contractSuite);
  await step("sluice-board doctor", doctor);
  await step("the runtime serves: pairing, then a deploy over TCP, every layer and logit", serveAndDeploy);
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(failures === 0 ? "arm64: all passed" : `arm64: ${failures} steps failed`);
process.exitCode = failures === 0 ? 0 : 1;

function findQemu() {
  if (process.arch === "arm64" && process.platform === "linux") return [];
  const named = process.env.SLUICE_QEMU;
  if (named) return [named];
  const found = ["qemu-aarch64-static", "qemu-aarch64"].find(
    (name) => spawnSync(name, ["--version"]).status === 0,
  );
  return found && [found];
}

function whatIsMissing() {
  if (!qemu) return "no qemu-aarch64 here; install qemu-user-static (Debian, Ubuntu), or set SLUICE_QEMU";
  const can = (name) => spawnSync(name, ["--version"]).status === 0;
  if (!can("dpkg-deb")) return "no dpkg-deb here";
  if (qemu.length > 0 && !process.env.SLUICE_ARM64_ROOT && !can("apt-get")) {
    return "no apt-get to fetch Debian's arm64 libraries with; set SLUICE_ARM64_ROOT to a root file system";
  }
  return undefined;
}

async function step(name, run) {
  const started = performance.now();
  console.log(`  ${name}`);
  try {
    return await run();
  } catch (error) {
    failures += 1;
    console.log(`    FAILED: ${error.message}`);
    return undefined;
  } finally {
    console.log(`    ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
}

function buildRelease() {
  const script = join(repository, "board-firmware", "release", "build-release.mjs");
  execFileSync(process.execPath, [script], { stdio: ["ignore", "ignore", "inherit"] });
  const { version } = JSON.parse(readFileSync(join(repository, "board-firmware", "package.json"), "utf8"));
  return join(build, `sluice-board_${version}_arm64.deb`);
}

function install(deb) {
  mkdirSync(system);
  if (qemu.length > 0) {
    const root = process.env.SLUICE_ARM64_ROOT ?? debianRoot(join(build, "arm64"));
    cpSync(root, system, { recursive: true, verbatimSymlinks: true });
  }
  execFileSync("dpkg-deb", ["-x", deb, system]);
  // Debian's libraries lie in /lib where the package puts nothing.
  if (!existsSync(join(system, "usr/lib/sluice/bin/node"))) throw new Error("the package has no Node.js");
}

/** The installed Node.js as a command line. */
function installedNode() {
  const binary = join(system, "usr/lib/sluice/bin/node");
  return qemu.length > 0 ? [...qemu, "-L", system, binary] : [binary];
}

function node(list, environment = {}) {
  const [command, ...first] = installedNode();
  const env = { ...process.env, ...environment };
  return execFileSync(command, [...first, ...list], { encoding: "utf8", env, maxBuffer: 2 ** 26 }).trim();
}

function app() {
  return join(system, "usr/lib/sluice/app");
}

/** koffi makes a pair of pseudo-terminals, serialport opens them, and bytes go through. */
function nativeModules() {
  const firmware = join(app(), "node_modules/@sluice/board-firmware");
  const script = `
    const { makeCable } = await import(${JSON.stringify(join(firmware, "dist/testing/cable.js"))});
    const { SerialTransport } = await import(${JSON.stringify(join(firmware, "dist/transport/serial.js"))});
    const cable = makeCable();
    const [left, right] = cable.paths.map((path) => new SerialTransport({ path }));
    const ignored = { data() {}, drain() {}, closed() {} };
    let said = "";
    const heard = new Promise((resolve) => {
      right.open({ ...ignored, data: (bytes) => (said += Buffer.from(bytes)).length === 5 && resolve() }, 10_000)
        .then(() => left.open(ignored, 10_000)).then(() => left.send(Buffer.from("arm64")));
    });
    await heard;
    await Promise.all([left.close(), right.close()]);
    await cable.close();
    console.log("koffi and serialport carried \\"" + said + "\\" over a pseudo-terminal");`;
  console.log(`    ${node(["--input-type=module", "-e", script])}`);
}

function contractSuite() {
  const runner = fileURLToPath(new URL("./run-tests.mjs", import.meta.url));
  const files = [
    "test/board-firmware/emulated-device.test.ts",
    "test/board-firmware/device/kv260-contract.test.ts",
    "test/board-firmware/store/section-store.test.ts",
  ];
  const [command, ...first] = installedNode();
  const env = { ...process.env, SLUICE_REPOSITORY: repository, SLUICE_APP: app() };
  // Tests that fail are in the output, whatever the exit code says.
  const { stdout: output } = spawnSync(
    command,
    [...first, "--no-warnings", "--test-reporter=tap", runner, ...files],
    { encoding: "utf8", env, maxBuffer: 2 ** 26, stdio: ["ignore", "pipe", "inherit"] },
  );
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(output)?.[1] ?? Number.NaN);
  console.log(`    ${count("pass")} of ${count("tests")} tests passed`);
  if (count("fail") !== 0 || !(count("pass") > 0)) {
    const failed = output
      .split("\n")
      .filter((line) => /^\s*(not ok|error:|code:|\s+(expected|found):)/.test(line));
    throw new Error(`${failed.slice(0, 40).join("\n")}\n${output.slice(-2_000)}`);
  }
}

/** Under QEMU there is no board to be found, and that is what it must say. */
function doctor() {
  const script = join(app(), "node_modules/@sluice/board-firmware/bin/sluice-board.js");
  const [command, ...first] = installedNode();
  const { stdout } = spawnSync(command, [...first, script, "doctor", "--json", "-"], { encoding: "utf8" });
  const { healthy, findings } = JSON.parse(stdout);
  console.log(
    `    ${findings.length} facts; ${findings[0].fact}: ${findings[0].verdict}, ${findings[0].found}`,
  );
  if (healthy && process.arch !== "arm64") throw new Error("it takes this machine for a board");
}

/** Emulated, the stretching of the code can take longer than either end waits; a code that was not tried stays valid. */
async function pairPatiently(host, said) {
  for (let tries = 1; ; tries += 1) {
    const code = [...said().matchAll(/--code (\S+)/g)].at(-1)?.[1];
    if (code === undefined) throw new Error(`the runtime shows no code to pair with: ${said()}`);
    try {
      return host("pair", "--code", code);
    } catch (error) {
      if (tries === 8) throw error;
      await new Promise((resolve) => setTimeout(resolve, 3_000));
    }
  }
}

async function serveAndDeploy() {
  const [command, ...first] = installedNode();
  const script = join(app(), "node_modules/@sluice/board-firmware/bin/sluice-board.js");
  const started = performance.now();
  const board = spawn(
    command,
    [
      ...[...first, "--max-semi-space-size=4", script, "--with-parent", "--tcp", "127.0.0.1:0"],
      ...["--state", join(work, "state")],
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  let said = "";
  board.stderr.on("data", (text) => {
    said += text;
  });
  try {
    const { tcp, pid } = await new Promise((resolve, reject) => {
      board.once("exit", (code) => reject(new Error(`the runtime ended with ${code}`)));
      createInterface(board.stdout).once("line", (line) => resolve(JSON.parse(line)));
    });
    console.log(`    accepts connections after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    const sluice = join(repository, "host-agent", "bin", "sluice.js");
    const link = `tcp:${tcp.host}:${tcp.port}`;
    const env = {
      ...process.env,
      XDG_CONFIG_HOME: join(work, "config"),
      XDG_CACHE_HOME: join(work, "cache"),
    };
    const host = (...words) =>
      execFileSync(process.execPath, [sluice, ...words, "--link", link], {
        encoding: "utf8",
        maxBuffer: 2 ** 26,
        env,
      });
    await pairPatiently(host, () => said);
    console.log("    paired with the code it showed; what follows is TLS 1.3 with the pairing's key");
    const output = host("deploy", "--device", "emulated", "--limit", "100", "--json", "-");
    const { verdict, timings } = JSON.parse(output);
    const seconds = (timings.runMs / 1000).toFixed(1);
    console.log(
      `    ${verdict.images} images and ${verdict.layers} layers bit-exact: ${verdict.bitExact}, ${seconds} s`,
    );
    const [, resident] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    console.log(
      `    resident ${Math.round(Number(resident) / 1024)} MiB${qemu.length > 0 ? ", QEMU included" : ""}`,
    );
    if (!verdict.bitExact) throw new Error("the results differ from the reference");
  } finally {
    board.stdin.end();
    await new Promise((resolve) => {
      if (board.exitCode !== null || board.signalCode !== null) resolve();
      else board.once("exit", resolve);
    });
  }
}
