/**
 * Drills of the twin: every fault on both links, several times at other places, and what the host saw each time.
 *
 *   node bench/twin.mjs [rounds] [seed]        default 5 rounds; about three minutes
 */
import { faultById, faultTable } from "@sluice/board-firmware/twin";
import { drill } from "@sluice/host-agent/drill";
import { drillModel } from "./drill-model.mjs";

const rounds = Number(process.argv[2] ?? 5);
const seed = Number(process.argv[3] ?? process.env.SLUICE_SEED ?? 2026);
const model = await drillModel(4);
const run = {
  plan: model.plan,
  sections: model.sections,
  frames: model.frames.map(({ input }) => input),
  isRight: (outputs) =>
    model.frames.every(({ isRight }, index) => {
      const bytes = model.plan.outputFrameBytes;
      return isRight(outputs.subarray(index * bytes, (index + 1) * bytes));
    }),
};

/** Opportunities a drill's first attempt surely has; a fault of the link may strike anywhere in between. */
const opportunities = {
  "stale-cache-line": 6,
  "out-of-memory": 3,
  "disk-full": 8,
  "brown-out": 8,
  "link-unplugged": 24,
  "frame-lost": 24,
  "frame-duplicated": 24,
  "frame-corrupted": 24,
};

const total = { injected: 0, error: 0, right: 0, wrong: 0, next: 0, complaints: [] };
console.log(`seed ${seed}, ${rounds} rounds; times from the fault to the error or the end, in ms`);
console.log(
  `${"fault".padEnd(21)} ${"link".padEnd(6)}  struck  errors  harmless  wrong  slowest  deadline  what the host saw`,
);
for (const { id } of faultTable) {
  for (const link of ["tcp", "serial"]) {
    const results = [];
    for (let round = 0; round < rounds; round += 1) {
      const last = opportunities[id] ?? 1;
      const at = rounds === 1 ? Math.ceil(last / 2) : 1 + Math.round((round * (last - 1)) / (rounds - 1));
      results.push(await drill(`${id}@${at}`, run, { link, seed: seed + round, idleMs: 3_000 }));
    }
    report(id, link, results);
  }
}
console.log(
  `\n${total.injected} faults injected: ${total.error} ended in a typed error, ${total.right} were repaired or harmless, ` +
    `${total.wrong} wrong results delivered; ${total.next} of ${total.injected} next runs right in the same host process`,
);
for (const complaint of total.complaints) console.log(`NOT AS THE TABLE SAYS: ${complaint}`);
process.exitCode = total.complaints.length > 0 ? 1 : 0;

function report(id, link, results) {
  const struck = results.filter((result) => result.struck > 0);
  const count = (outcome) => struck.filter((result) => result.outcome === outcome).length;
  const codes = [...new Set(struck.flatMap(({ error }) => (error ? [error.code] : [])))];
  const slowest = Math.max(0, ...struck.map(({ milliseconds }) => milliseconds));
  total.injected += struck.length;
  total.error += count("error");
  total.right += count("right");
  total.wrong += count("wrong");
  total.next += struck.filter(({ nextRunRight }) => nextRunRight).length;
  for (const { complaint } of results) {
    if (complaint && !complaint.includes("never struck"))
      total.complaints.push(`${id} on ${link}: ${complaint}`);
  }
  const cells = [
    id.padEnd(21),
    link.padEnd(6),
    `${struck.length}/${results.length}`.padStart(7),
    String(count("error")).padStart(7),
    String(count("right")).padStart(9),
    String(count("wrong")).padStart(6),
    slowest.toFixed(0).padStart(8),
    String(faultById(id).deadlineMs).padStart(9),
    ` ${codes.join(", ") || "the right result"}`,
  ];
  console.log(cells.join(" "));
}
