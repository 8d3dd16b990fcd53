/** Read and write ports with their jobs and FIFOs, behind memories of every mood; the AXI rules are checked on the way. */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { buildBench } from "../verilated-bench.js";

const SEED = Number(process.env.SLUICE_SEED ?? 20_261_130);
const ROUNDS = 40;

let binary: string;

describe(`ports, seed ${SEED}`, () => {
  beforeAll(() => {
    const files = ["fifo", "read_job", "read_port", "write_port"].map((name) => `${name}.sv`);
    binary = buildBench({
      name: "ports",
      top: "port_clients",
      rtl: [...files, "../sim/ports/port_clients.sv"],
    });
  }, 300_000);

  const memories = [
    { name: "an immediate memory", latency: 0, jitter: 0, busy: 0 },
    { name: "an ordinary memory", latency: 60, jitter: 0, busy: 0 },
    { name: "a slow and moody memory", latency: 90, jitter: 50, busy: 400 },
    { name: "a fast and moody memory", latency: 2, jitter: 3, busy: 600 },
  ];
  for (const { name, latency, jitter, busy } of memories) {
    it(`moves every beat once, in order, and comes to rest when halted: ${name}`, () => {
      const run = spawnSync(binary, [SEED, ROUNDS, latency, jitter, busy].map(String), { encoding: "utf8" });
      expect(run.stdout + run.stderr, `seed ${SEED}`).toMatch(/^\d+ beats in \d+ cycles, \d+ halts\n$/);
      expect(run.status).toBe(0);
      console.log(`ports, ${name}: ${run.stdout.trim()}`);
    });
  }
});
