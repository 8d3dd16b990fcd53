/**
 * A folder of pictures, with labels where there are any:
 *
 *   labels.csv      lines `file,label`; a label is a class index or a class name. Only the files listed are used
 *   subfolders      one per class; index names (0, 1, ...) are labels as they are, other names count in sorted order
 *   neither         unlabelled, sorted by name
 *
 * Only names are held; a picture is read when it is asked for.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { DatasetError } from "@sluice/sdk/errors.js";
import { noSuchItem } from "./cifar10.js";
import type { Dataset } from "./dataset.js";
import { PICTURE_PATTERN, readPicture } from "./picture.js";

const MAX_CSV_BYTES = 2 ** 26;

interface Entry {
  /** Relative to the folder. */
  readonly file: string;
  readonly label?: number;
}

interface Listing {
  readonly entries: readonly Entry[];
  readonly classes?: readonly string[];
}

function refuse(code: string, place: string, expected: string, found: string, hint: string): DatasetError {
  return new DatasetError(code, `${place}: no pictures to use`, { place, expected, found, hint });
}

/** Code unit order, the same on every machine and in every locale. */
function sorted(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Turns label texts into indices: all integers as they are, else names numbered in sorted order. */
function indexLabels(texts: readonly string[]): { readonly labels: number[]; readonly classes?: string[] } {
  if (texts.every((text) => /^\d{1,6}$/.test(text))) return { labels: texts.map(Number) };
  const classes = sorted(new Set(texts));
  return { labels: texts.map((text) => classes.indexOf(text)), classes };
}

function listCsv(folder: string, csv: string): Listing {
  const { size } = statSync(csv);
  if (size > MAX_CSV_BYTES) {
    throw refuse("too-large", csv, `at most ${MAX_CSV_BYTES} bytes`, `${size}`, "Split the list.");
  }
  const root = resolve(folder) + sep;
  const rows: { file: string; label: string }[] = [];
  const lines = readFileSync(csv, "utf8").split(/\r?\n/);
  lines.forEach((line, index) => {
    if (line.trim() === "" || (index === 0 && /^(file|filename|image|path)\s*,/i.test(line))) return;
    const comma = line.lastIndexOf(",");
    const file = line
      .slice(0, Math.max(0, comma))
      .trim()
      .replace(/^"(.*)"$/, "$1");
    const label = line
      .slice(comma + 1)
      .trim()
      .replace(/^"(.*)"$/, "$1");
    const place = `${csv} line ${index + 1}`;
    if (comma < 1 || label === "" || file === "") {
      throw refuse(
        "bad-csv",
        place,
        "file,label",
        line.slice(0, 80),
        "Write one picture and its label per line.",
      );
    }
    if (!(resolve(folder, file) + sep).startsWith(root)) {
      throw refuse("bad-csv", place, "a file inside the folder", file, "Use paths relative to the folder.");
    }
    rows.push({ file, label });
  });
  const { labels, classes } = indexLabels(rows.map(({ label }) => label));
  return { entries: rows.map(({ file }, i) => ({ file, label: labels[i] })), classes };
}

function pictureNames(folder: string): string[] {
  return sorted(readdirSync(folder).filter((name) => PICTURE_PATTERN.test(name)));
}

function listFolder(folder: string): Listing {
  const csv = join(folder, "labels.csv");
  if (existsSync(csv)) return listCsv(folder, csv);
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const inside = sorted(folders.map(({ name }) => name)).flatMap((name) => {
    return pictureNames(join(folder, name)).map((file) => ({ file: join(name, file), text: name }));
  });
  if (inside.length > 0) {
    const { labels, classes } = indexLabels(inside.map(({ text }) => text));
    return { entries: inside.map(({ file }, i) => ({ file, label: labels[i] })), classes };
  }
  return { entries: pictureNames(folder).map((file) => ({ file })) };
}

/** Opens a folder of PNG, JPEG, BMP or GIF pictures. @throws {DatasetError} `missing-file`, `empty`, `bad-csv`. */
export function openImageFolder(folder: string): Dataset {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw refuse("missing-file", folder, "a folder", "no such folder", "Check the path after images:.");
  }
  const { entries, classes } = listFolder(folder);
  if (entries.length === 0) {
    const expected = "pictures (.png .jpg .jpeg .bmp .gif), labels.csv, or one subfolder per class";
    throw refuse("empty", folder, expected, "none", "Give the folder that holds the pictures.");
  }
  return {
    name: `images:${folder}`,
    count: entries.length,
    classes,
    async get(index) {
      const entry = entries[index];
      if (entry === undefined) throw noSuchItem(folder, index, entries.length);
      const image = await readPicture(join(folder, entry.file));
      return { index, name: entry.file, image, label: entry.label };
    },
  };
}
