/**
 * Post-training compression, row by row: float model in, integer model out, top-1 over all CIFAR-10 test images on the
 * emulated overlay (bit-exact with the integer reference). Calibration images come from the training batches only, one
 * batch per draw. Rows live in bench/compress/rows; results are kept under build/compress and not measured twice.
 *
 *   node bench/compress.mjs [--rows REGEXP] [--aims] [--draws 1,2,3] [--workers N] [--limit N] [--force] [--table] [--save]
 *   node bench/compress.mjs --adopt N [--rows REGEXP] [--draws 1,2,3]
 *
 *   --aims    of rows without an aim the first draw only
 *   --force   measure again what is known already
 *   --table   print what is known; measure nothing
 *   --save    write docs/compression.md
 *   --adopt   quantise N of the results of an earlier build again, of different rows; where all integers are the same, the
 *             change of the code was none to these rows and their results count as today's
 *
 * A row that misses its aim is printed as it is.
 */
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compressionMethods } from "@sluice/sdk/quantize";
import { models } from "./compress/models.mjs";
import { loadResult, resultKey, saveResult } from "./compress/results.mjs";
import { allRows } from "./compress/rows.mjs";
import { markdownTable, summarize, textTable } from "./compress/table.mjs";
import { sharedFile } from "./shared-data.mjs";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "" },
    draws: { type: "string", default: "1" },
    workers: { type: "string", default: "2" },
    limit: { type: "string", default: "10000" },
    aims: { type: "boolean", default: false },
    force: { type: "boolean", default: false },
    table: { type: "boolean", default: false },
    adopt: { type: "string" },
    save: { type: "boolean", default: false },
  },
});
const images = Number(values.limit);
const wanted = new RegExp(values.rows, "i");
const rows = (await allRows()).filter(
  (row) => wanted.test(`${models[row.model].name} ${row.setting}`) || isFloat(row),
);
const draws = values.draws.split(",").map(Number);

if (values.adopt) await adopt(Number(values.adopt));
if (!values.table && !values.adopt) await measure(missing());
const lines = summaries();
process.stdout.write(`${textTable(lines)}\n`);
if (values.save) save(lines);

function isFloat(row) {
  return !row.options && !row.quantize;
}

/** Without calibration images there is nothing to draw. */
function drawsOf(row) {
  if (isFloat(row) || row.calibration === 0) return [1];
  return values.aims && !row.reach ? draws.slice(0, 1) : draws;
}

function keyOf(row, draw) {
  return resultKey(row, draw, images, sharedFile("models", models[row.model].file));
}

/** First draw of every row first, with --aims every draw of the rows with an aim: a cut run leaves a whole table. */
function missing() {
  const jobs = rows.flatMap((row) => drawsOf(row).map((draw, order) => ({ row, draw, order })));
  return jobs
    .filter(({ row, draw }) => values.force || loadResult(row, draw, images)?.key !== keyOf(row, draw))
    .sort((a, b) =>
      values.aims ? aimsFirst(a, b) || a.order - b.order : a.order - b.order || aimsFirst(a, b),
    );
}

function aimsFirst(a, b) {
  return Number(!a.row.reach) - Number(!b.row.reach);
}

async function measure(jobs) {
  const total = jobs.length;
  const work = async () => {
    const child = fork(fileURLToPath(new URL("./compress/run-row.mjs", import.meta.url)));
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const { row, draw } = job;
      const { result, error } = await answer(child, { id: row.id, draw, images });
      if (error) {
        process.exitCode = 1;
        process.stderr.write(`${row.id}, draw ${draw}: ${error}\n`);
        continue;
      }
      saveResult(row, draw, images, { key: keyOf(row, draw), date: new Date().toISOString(), ...result });
      const share = ((100 * result.correct) / result.images).toFixed(2);
      const left = total - jobs.length;
      const size = result.bitsPerWeight?.toFixed(3) ?? "32";
      process.stderr.write(`${left}/${total} ${row.id}, draw ${draw}: ${share} % at ${size} b/w\n`);
    }
    child.disconnect();
  };
  await Promise.all(Array.from({ length: Math.min(Number(values.workers), total) }, work));
}

async function adopt(count) {
  const stale = rows
    .filter((row) => !isFloat(row))
    .map((row) =>
      drawsOf(row)
        .map((draw) => ({ row, draw, result: loadResult(row, draw, images) }))
        .filter(({ draw, result }) => result && result.key !== keyOf(row, draw)),
    )
    .filter((results) => results.length > 0);
  const step = Math.max(1, Math.floor(stale.length / count));
  const chosen = stale
    .filter((_, index) => index % step === 0)
    .map((results, index) => results[index % results.length]);
  const child = fork(fileURLToPath(new URL("./compress/run-row.mjs", import.meta.url)));
  for (const { row, draw, result } of chosen) {
    const { result: again, error } = await answer(child, { id: row.id, draw, images, quantizeOnly: true });
    const same = again?.graph === result.graph;
    process.stderr.write(
      `${row.id}, draw ${draw}: ${error ?? (same ? "the same integers" : "other integers")}\n`,
    );
    if (same) continue;
    child.disconnect();
    process.stderr.write("Nothing is adopted: measure these rows again.\n");
    process.exit(1);
  }
  child.disconnect();
  for (const { row, draw, result } of stale.flat()) {
    saveResult(row, draw, images, { ...result, key: keyOf(row, draw), adopted: new Date().toISOString() });
  }
}

function answer(child, job) {
  return new Promise((resolve) => {
    const ended = (code) => resolve({ error: `the worker process ended (${code})` });
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message);
    });
    child.send(job);
  });
}

function summaries() {
  const known = new Map(
    rows.map((row) => [
      row,
      drawsOf(row).flatMap((draw) => {
        const result = loadResult(row, draw, images);
        if (!result) return [];
        return [{ ...result, stale: result.key !== keyOf(row, draw) }];
      }),
    ]),
  );
  return rows.flatMap((row) => {
    const results = known.get(row);
    if (results.length === 0) return [];
    const float = rows.find((other) => other.model === row.model && isFloat(other));
    const [{ correct, images: count } = {}] = known.get(float) ?? [];
    return [summarize(row, results, correct === undefined ? undefined : (100 * correct) / count)];
  });
}

function save(lines) {
  const date = new Date().toISOString().slice(0, 10);
  const text = `# Post-training compression, measured

Written by \`node bench/compress.mjs ${values.aims ? "--aims " : ""}--draws ${values.draws} --save\` on ${date}; do not edit.

No training. Top-1 over ${images.toLocaleString("en")} CIFAR-10 test images with the integer pipeline as the board runs
it (emulated overlay, bit-exact with the integer reference; nothing ran on silicon). Calibration on at most 2,048
unlabelled training images; "draws" are disjoint sets of them (one for rows without an aim), top-1 and size are the median. "95 %" is the Wilson
interval of the median draw: it says how far another test set of this size could differ. "b/w" counts the \`ans\`
codec's streams and tables, scales and biases, over the float model's weights. Seconds are one process on a shared
machine.

"(old code)": measured with an earlier build of the quantiser.

${markdownTable(lines)}

## Methods

\`sluice compress --method NAME\`:

${Object.entries(compressionMethods)
  .map(([name, text]) => `- \`${name}\`: ${text}`)
  .join("\n")}

## What the rows mean

- **Compensated**: weights retargeted to the float model's pre-activations on the quantised inputs, put on the levels by
  the Gram-matrix solver, scales refitted, biases exact. **Nearest**: every weight for itself, biases as they are.
- **Levels** are int8 codes times a scale, so every set embeds: powers of two have 15 levels (0, 1 .. 64; int8 has no
  +128), APoT of 4 bits 0, 1, 2, 3, 4, 6, 8, 10. PowerQuant's levels are no multiples of one number and are rounded to
  int8. Successive vector approximation stops at 1/128 of a row's range.
- **SVA, compensated** spends the same number of signed powers of two per layer, each at a price in the Gram-matrix solver
  instead of pass by pass.
- **A4**: 4 bits, 16 evenly spaced levels, for everything that weights multiply except the picture itself; addends of
  residual sums and averages keep 8. Channels are scaled into the weights on both sides and steps chosen by the error
  behind the next layer; a classifier behind a global average is moved in front of it, so that it too multiplies 4-bit
  values, at every position.
- **DFQ, no data**: ranges and biases from batch-norm statistics; not one image.
`;
  writeFileSync(new URL("../docs/compression.md", import.meta.url), text);
}
