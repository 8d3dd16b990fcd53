/**
 * The rows of the table: every file of bench/compress/rows exports a list of them, taken in the order of file names.
 *
 * @typedef {object} Row
 * @property {keyof typeof import("./models.mjs").models} model
 * @property {string} setting what a reader sees; unique for its model
 * @property {object} [options] settings of quantizeModel; a row without options and `quantize` is the float model
 * @property {(job: Job) => { model: FloatGraph, plan: QuantizationPlan }} [quantize]
 *   what makes the integers where it is more than one call of quantizeModel; may be async. The returned model is the
 *   one the plan belongs to (channels may be gone); bits per weight always divide by the original's weights
 * @property {number} [calibration] training images, 0..2048; default 1024. With 0 there is only one draw
 * @property {string[]} [code] folders of sdk/dist the result depends on; default ["quantize", "codec"]
 * @property {{ top1?: number, drop?: number, bitsPerWeight?: number }} [reach] the aim: top-1 %, at least; points
 *   below float and bits per weight, at most
 *
 * @typedef {object} Job
 * @property {FloatGraph} model
 * @property {Float32Array} images calibration images, preprocessed
 * @property {number} count
 * @property {[number, number]} inputRange ends of the input values
 * @property {() => number} random seeded by the draw
 * @property {object} options the row's own
 */
import { readdirSync } from "node:fs";

const folder = new URL("./rows/", import.meta.url);

/** @returns {Promise<(Row & { id: string })[]>} */
export async function allRows() {
  const rows = [];
  for (const file of readdirSync(folder).sort()) {
    const { default: part } = await import(new URL(file, folder).href);
    rows.push(...part);
  }
  const ids = new Set();
  return rows.map((row) => {
    const id = `${row.model} ${row.setting}`.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-");
    if (ids.has(id)) throw new Error(`Two rows are called "${id}".`);
    ids.add(id);
    return { calibration: 1024, code: ["quantize", "codec"], ...row, id };
  });
}
