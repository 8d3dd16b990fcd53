/** What a user asks of a compressed model: `bits/weight<=3.5`, `size<=120kB`, `drop<=0.5`, `cycles<=20000`. */
import { PlanError } from "../errors.js";

export type TargetKind = "bits/weight" | "size" | "drop" | "cycles";

export interface Target {
  readonly kind: TargetKind;
  /** Inclusive: bits per weight; bytes of streams, tables, scales and biases; points of top-1; cycles a frame. */
  readonly limit: number;
}

/** The figures that targets are held against. */
export interface Figures {
  readonly bitsPerWeight: number;
  readonly codedBytes: number;
  /** Top-1 points below the float model on held-out training images. */
  readonly drop: number;
  readonly cyclesPerFrame: number;
}

const EXAMPLES = '"bits/weight<=3.5", "size<=120kB", "drop<=0.5", "cycles<=20000"; several with commas';
const BYTES: Record<string, number> = { "": 1, b: 1, kb: 1e3, mb: 1e6, kib: 1024, mib: 1024 ** 2 };

/** @throws {PlanError} `bad-target`, `duplicate-target` */
export function parseTargets(text: string): Target[] {
  const targets = text.split(",").map((part) => parseTarget(part.trim()));
  for (const { kind } of targets) {
    if (targets.filter((other) => other.kind === kind).length === 1) continue;
    throw new PlanError("duplicate-target", "A target is given twice.", {
      place: "--target",
      expected: "each of bits/weight, size, drop and cycles once at most",
      found: text,
      hint: "Keep the stricter one.",
    });
  }
  return targets;
}

function parseTarget(text: string): Target {
  const [, name = "", number = "", unit = ""] =
    /^([a-z/ ]+?)\s*<=\s*([0-9]*\.?[0-9]+)\s*([a-z%]*)$/i.exec(text) ?? [];
  const limit = Number(number);
  const suffix = unit.toLowerCase();
  const bad = (expected: string): PlanError =>
    new PlanError("bad-target", "A target cannot be read.", {
      place: "--target",
      expected,
      found: text === "" ? "nothing" : text,
      hint: `Targets look like ${EXAMPLES}.`,
    });
  if (number === "" || !(limit > 0)) throw bad("NAME<=NUMBER with a number above 0");
  switch (name.toLowerCase()) {
    case "bits/weight":
      if (suffix !== "" && suffix !== "b/w") throw bad("bits/weight<=NUMBER");
      return { kind: "bits/weight", limit };
    case "size":
      if (!Object.hasOwn(BYTES, suffix)) throw bad("size<=NUMBER with B, kB, MB, KiB or MiB");
      return { kind: "size", limit: limit * BYTES[suffix] };
    case "drop":
      if (!["", "%", "points"].includes(suffix) || limit > 100) throw bad("drop<=POINTS, at most 100");
      return { kind: "drop", limit };
    case "cycles": {
      const factor = { "": 1, k: 1e3, m: 1e6 }[suffix];
      if (factor === undefined) throw bad("cycles<=NUMBER, or with k or M");
      return { kind: "cycles", limit: limit * factor };
    }
    default:
      throw bad("bits/weight, size, drop or cycles, then <= and a number");
  }
}

export function figureOf(kind: TargetKind, figures: Figures): number {
  switch (kind) {
    case "bits/weight":
      return figures.bitsPerWeight;
    case "size":
      return figures.codedBytes;
    case "drop":
      return figures.drop;
    case "cycles":
      return figures.cyclesPerFrame;
  }
}

export function isReached({ kind, limit }: Target, figures: Figures): boolean {
  return figureOf(kind, figures) <= limit;
}

/** "size<=120000 B", and how a figure of that kind is written. */
export function describeTarget({ kind, limit }: Target): string {
  return `${kind}<=${describeFigure(kind, limit)}`;
}

export function describeFigure(kind: TargetKind, value: number): string {
  switch (kind) {
    case "bits/weight":
      return value.toFixed(3);
    case "size":
      return `${Math.round(value)} B`;
    case "drop":
      return `${value.toFixed(2)} points`;
    case "cycles":
      return String(Math.round(value));
  }
}
