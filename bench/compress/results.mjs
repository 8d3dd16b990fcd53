/**
 * Results on disk, one JSON per row and draw under build/compress, so that a run that was cut goes on where it stopped.
 * A result counts while its key matches: the row's settings and the compiled code it depends on. Beside them the number
 * of right answers of every integer graph measured so far: code that changes without changing the integers needs no
 * second evaluation.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../build/compress/", import.meta.url));
const dist = fileURLToPath(new URL("../../sdk/dist/", import.meta.url));

/** Hash of everything that decides the result of a row and draw. */
export function resultKey(row, draw, images, modelBytes) {
  const hash = createHash("sha256");
  const { options, quantize, calibration, code } = row;
  hash.update(modelBytes);
  if (options || quantize) {
    hash.update(JSON.stringify({ options, quantize: String(quantize), calibration, draw, images }));
    const priced = options?.method === "rate-distortion";
    for (const part of code) hash.update(codeHash(part, priced));
  } else hash.update(String(images));
  return hash.digest("hex").slice(0, 16);
}

/** What only rate-distortion quantisation runs. */
const ofPrices = ["rate-distortion", "coupled-descent", "code-classes", "fisher"];

const codeHashes = new Map();

function codeHash(part, priced) {
  const id = `${part} ${priced}`;
  const known = codeHashes.get(id);
  if (known) return known;
  // index.js exports and does nothing else.
  const left = new Set(["index", ...(priced ? [] : ofPrices)].map((name) => `${name}.js`));
  const hash = createHash("sha256");
  const root = join(dist, part);
  const files = readdirSync(root, { recursive: true })
    .filter((name) => name.endsWith(".js") && !left.has(name))
    .sort();
  for (const name of files) hash.update(name).update(readFileSync(join(root, name)));
  codeHashes.set(id, hash.digest("hex"));
  return codeHashes.get(id);
}

export function loadResult(row, draw, images) {
  return readJson(`${row.id}.${images}.${draw}.json`);
}

export function saveResult(row, draw, images, result) {
  writeJson(`${row.id}.${images}.${draw}.json`, result);
}

/** Hash of the integers the board would run. */
export function graphHash(graph) {
  const hash = createHash("sha256");
  hash.update(
    JSON.stringify({ ...graph, notes: [], source: {} }, (_, value) =>
      ArrayBuffer.isView(value) ? createHash("sha256").update(value).digest("hex") : value,
    ),
  );
  return hash.digest("hex").slice(0, 24);
}

export function loadCorrect(hash, images) {
  return readJson(`graphs/${hash}.${images}.json`)?.correct;
}

export function saveCorrect(hash, images, correct) {
  writeJson(`graphs/${hash}.${images}.json`, { correct });
}

function readJson(name) {
  const file = join(folder, name);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** Whole or not at all: two processes may work in the folder. */
function writeJson(name, value) {
  mkdirSync(join(folder, "graphs"), { recursive: true });
  const file = join(folder, name);
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, `${JSON.stringify(value, undefined, 2)}\n`);
  renameSync(part, file);
}
