/** The table of results: medians over the draws, Wilson intervals, and whether the aim is reached. */
import { models } from "./models.mjs";

const Z = 1.96;

/** 95 % Wilson score interval of a share, both ends in percent. */
export function wilson(correct, count) {
  const share = correct / count;
  const spread = Z * Math.sqrt((share * (1 - share)) / count + (Z / (2 * count)) ** 2);
  const middle = share + (Z * Z) / (2 * count);
  const scale = 100 / (1 + (Z * Z) / count);
  return [(middle - spread) * scale, (middle + spread) * scale];
}

/**
 * @param results those of the row's draws that are known
 * @param floatTop1 the float model's top-1 in percent, where it is known
 */
export function summarize(row, results, floatTop1) {
  // The median draw by right answers; of two the worse.
  const sorted = [...results].sort((a, b) => a.correct - b.correct);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  const top1 = (100 * median.correct) / median.images;
  const sizes = results.map(({ bitsPerWeight }) => bitsPerWeight ?? 32).sort((a, b) => a - b);
  const bitsPerWeight = sizes[Math.floor(sizes.length / 2)];
  const drop = floatTop1 === undefined ? undefined : floatTop1 - top1;
  return {
    model: models[row.model].name,
    setting: row.setting,
    top1,
    interval: wilson(median.correct, median.images),
    all: results.map(({ correct, images }) => (100 * correct) / images),
    drop,
    bitsPerWeight,
    bytes: median.bytes,
    seconds: median.quantizationSeconds,
    stale: results.some(({ stale }) => stale),
    aim: aimText(row.reach),
    reached: isReached(row.reach, { top1, drop, bitsPerWeight }),
  };
}

function aimText({ top1, drop, bitsPerWeight } = {}) {
  return [
    top1 === undefined ? "" : `>= ${top1.toFixed(1)}`,
    drop === undefined ? "" : `drop <= ${drop.toFixed(1)}`,
    bitsPerWeight === undefined ? "" : `<= ${bitsPerWeight.toFixed(2)} b/w`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

/** In hundredths of a point, as printed. */
function isReached(reach, { top1, drop, bitsPerWeight }) {
  if (!reach) return undefined;
  const hundredths = (value) => Math.round(100 * value);
  if (reach.top1 !== undefined && hundredths(top1) < hundredths(reach.top1)) return false;
  if (reach.bitsPerWeight !== undefined && bitsPerWeight > reach.bitsPerWeight) return false;
  if (reach.drop === undefined) return true;
  return drop === undefined ? undefined : hundredths(drop) <= hundredths(reach.drop);
}

const columns = [
  ["model", (line) => line.model],
  ["setting", (line) => line.setting],
  ["top-1 %", (line) => line.top1.toFixed(2)],
  ["95 %", (line) => line.interval.map((end) => end.toFixed(2)).join("..")],
  ["draws", (line) => (line.all.length > 1 ? line.all.map((top1) => top1.toFixed(2)).join(" ") : "")],
  ["drop", (line) => line.drop?.toFixed(2) ?? ""],
  ["b/w", (line) => (line.bitsPerWeight === 32 ? "32" : line.bitsPerWeight.toFixed(3))],
  ["bytes", (line) => String(line.bytes ?? "")],
  ["quant s", (line) => line.seconds?.toFixed(0) ?? ""],
  ["aim", (line) => line.aim],
  [
    "",
    (line) =>
      [line.reached === undefined ? "" : line.reached ? "yes" : "no", line.stale ? "(old code)" : ""]
        .join(" ")
        .trim(),
  ],
];

export function textTable(lines) {
  const cells = [
    columns.map(([title]) => title),
    ...lines.map((line) => columns.map(([, cell]) => cell(line))),
  ];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          column < 2 || column > 8 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function markdownTable(lines) {
  const row = (cells) => `| ${cells.join(" | ")} |`;
  return [
    row(columns.map(([title]) => title || "reached")),
    row(columns.map(() => "---")),
    ...lines.map((line) => row(columns.map(([, cell]) => cell(line)))),
  ].join("\n");
}
