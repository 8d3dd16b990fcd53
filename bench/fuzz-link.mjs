/**
 * A million damaged frames against a live board process: on TCP and on a serial cable, before and after both ends
 * proved themselves. The same test as in npm test (test/protocol/link-fuzz.test.ts), with more frames.
 *
 *   node bench/fuzz-link.mjs              1,000,000 frames
 *   node bench/fuzz-link.mjs 100000       fewer; SLUICE_SEED chooses others
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const frames = Number(process.argv[2] ?? 1_000_000);
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sluice-fuzz-report-"));
const report = join(folder, "report.json");
try {
  const { status } = spawnSync(
    "npx",
    ["vitest", "run", "test/protocol/link-fuzz.test.ts", "--maxWorkers=1"],
    {
      cwd: root,
      env: { ...process.env, SLUICE_FUZZ_FRAMES: String(frames), SLUICE_FUZZ_REPORT: report },
      stdio: ["ignore", 2, 2],
    },
  );
  if (status !== 0) process.exit(1);
  print(JSON.parse(readFileSync(report, "utf8")));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function print({ phases, refused, before, after, most, seconds }) {
  const names = {
    tcpBefore: "TCP, before the proof",
    serialBefore: "serial, before the proof",
    tcpAfter: "TCP, after the proof",
    serialAfter: "serial, after the proof",
  };
  const integer = (value) => value.toLocaleString("en");
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  let total = 0;
  for (const [phase, counts] of Object.entries(phases)) {
    total += counts.frames;
    row(names[phase], `${integer(counts.frames)} frames`, `${integer(counts.connections)} connections`);
  }
  row("all", `${integer(total)} frames`, `in ${Math.round(seconds)} s`);
  row("crashes, hangs", "0", "");
  row("effects of unproved hosts", "0", "store, model, frames and pairings as before");
  for (const [reason, count] of Object.entries(refused)) row(`  refused: ${reason}`, integer(count), "");
  row(
    "memory before / at most / after",
    `${megabytes(before.bytes)} / ${megabytes(most)}`,
    megabytes(after.bytes),
  );
  row("descriptors before / after", `${before.descriptors} / ${after.descriptors}`, "");
}

function row(name, value, note) {
  process.stdout.write(`${name.padEnd(34)} ${value.padStart(22)}  ${note}\n`);
}
