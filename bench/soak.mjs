/**
 * Thousands of deploy and run cycles against a twin that fails at random, on TCP (TLS 1.3) and on a serial line (a
 * pseudo-terminal, sealed records): wrong results, hangs, memory and descriptors.
 *
 *   node bench/soak.mjs [cycles] [seed]        default 5,000 cycles; about ten minutes on two cores
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { soak } from "@sluice/host-agent/drill";
import { drillModel } from "./drill-model.mjs";

// The heap's size means something only right after a collection, and that of the process only where the young generation
// does not grow with the load: as the board's runtime is started.
const FLAGS = ["--expose-gc", "--max-semi-space-size=4"];
if (!FLAGS.every((flag) => process.execArgv.includes(flag))) {
  const { status } = spawnSync(process.execPath, [...FLAGS, ...process.argv.slice(1)], { stdio: "inherit" });
  process.exit(status ?? 1);
}

const cycles = Number(process.argv[2] ?? 5_000);
const seed = Number(process.argv[3] ?? process.env.SLUICE_SEED ?? 2026);
const model = await drillModel(16);
// libuv opens a spare descriptor with a process's first stream and keeps it.
const first = createServer().listen(0, "127.0.0.1");
await once(first, "listening");
first.close();
await once(first, "close");
const before = descriptors();
const started = performance.now();
const report = await soak(model, {
  cycles,
  seed,
  onProgress: ({ cycles: done, right, wrong, errors }) => {
    const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
    process.stderr.write(`${done} cycles: ${right} right, ${failed} typed errors, ${wrong} wrong\n`);
  },
});
const seconds = (performance.now() - started) / 1000;
// Sockets that were closed a moment ago are gone after a turn of the loop.
await new Promise((resolve) => setTimeout(resolve, 500));

const after = descriptors();
const left = [...after].filter(([fd, target]) => before.get(fd) !== target).map(([, target]) => target);
const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
const list = (counts) =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
const quarters = (values) =>
  `${values.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(", ")} MiB; last to third ${(100 * (values[3] / values[2] - 1)).toFixed(1)} %`;
const { host, board } = report;
const lines = [
  ["seed", seed],
  [
    "cycles",
    `${report.cycles} (tcp ${report.perLink.tcp}, serial ${report.perLink.serial}) in ${seconds.toFixed(0)} s`,
  ],
  ["right results", report.right],
  ["typed errors", `${sum(report.errors)}: ${list(report.errors)}`],
  ["wrong results accepted", report.wrong],
  ["hangs (over 60 s)", `${report.hung}; longest cycle ${(report.longestMs / 1000).toFixed(1)} s`],
  ["faults injected", `${sum(report.faults)}: ${list(report.faults)}`],
  ["links opened again", report.reconnects],
  ["board restarts", report.restarts],
  ["host heap by quarter", quarters(host.heap)],
  ["host resident by quarter", quarters(host.resident)],
  ["board resident by quarter", quarters(board.resident)],
  [
    "host descriptors",
    `${before.size} before, ${after.size} after (new: ${left.join(", ") || "none"}); by quarter ${host.descriptors.join(", ")}`,
  ],
  ["board descriptors by quarter", board.descriptors.join(", ")],
];
for (const [name, value] of lines) console.log(`${name.padEnd(30)} ${value}`);
process.exitCode = report.wrong > 0 || report.hung > 0 ? 1 : 0;

/** What every open descriptor of this process leads to. The one that lists them is gone when it is asked for. */
function descriptors() {
  const open = new Map();
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      open.set(fd, readlinkSync(`/proc/self/fd/${fd}`));
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }
  return open;
}
