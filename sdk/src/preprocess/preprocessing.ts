/**
 * The preprocessing record: everything between a decoded picture and the stored integers of the input tensor. Plain
 * data; it is kept in the package and hashed with it.
 *
 * In order: colour (grey <-> RGB), resize to height x width, then per channel c and pixel p
 *   codes       stored = p + (input.min < 0 ? -128 : 0)
 *   normalize   stored = clamp(zeroPoint + round(((p * scale) - mean[c]) / std[c] / input.scale))
 */
import { z } from "zod";
import { DatasetError } from "../errors.js";
import type { Graph } from "../graph/types.js";

const MAX_SIDE = 16_384;
const side = z.int().min(1).max(MAX_SIDE);
const finite = z.number().refine(Number.isFinite, "must be finite");

const encodingSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("codes") }),
  z.strictObject({
    kind: z.literal("normalize"),
    /** Factor on the pixel, usually 1/255. */
    scale: finite.refine((value) => value !== 0, "must not be zero"),
    /** One value, or one per channel, in the units of pixel * scale. */
    mean: z.array(finite).min(1).max(4),
    std: z
      .array(finite.refine((value) => value !== 0, "must not be zero"))
      .min(1)
      .max(4),
    rounding: z.enum(["half-up", "half-even", "half-away"]),
  }),
]);

export const preprocessingSchema = z.strictObject({
  version: z.literal(1),
  /** Order of the integers in the input tensor. */
  layout: z.literal("hwc"),
  /** `rgb` for three input channels, `gray` for one (ITU-R BT.601 luma), `any` for data that is no picture. */
  color: z.enum(["rgb", "gray", "any"]),
  /** Pictures of another size are resized (resize-bilinear.ts); `none` refuses them. */
  resize: z.strictObject({ method: z.enum(["bilinear", "none"]), height: side, width: side }),
  encoding: encodingSchema,
});

export type Preprocessing = z.infer<typeof preprocessingSchema>;

/** What a person may override on the command line. */
export interface NormalizationOverrides {
  readonly scale?: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/** The record a model gets when nothing is said: its own input encoding, bilinear resize to its input size. */
export function defaultPreprocessing(graph: Graph): Preprocessing {
  const [height, width, channels] = graph.tensors[graph.input].shape;
  const { inputEncoding } = graph;
  return {
    version: 1,
    layout: "hwc",
    color: channels === 3 ? "rgb" : channels === 1 ? "gray" : "any",
    resize: { method: "bilinear", height, width },
    encoding:
      inputEncoding.kind === "codes"
        ? { kind: "codes" }
        : { ...inputEncoding, mean: [...inputEncoding.mean], std: [...inputEncoding.std] },
  };
}

/**
 * Applies `--scale`, `--mean` and `--std`. On a `codes` input they switch to `normalize`: what is left out then has
 * the neutral value (scale 1, mean 0, std 1).
 *
 * @throws {DatasetError} `bad-preprocessing` when the lists do not fit the input's channels.
 */
export function overrideNormalization(
  preprocessing: Preprocessing,
  overrides: NormalizationOverrides,
  graph: Graph,
): Preprocessing {
  const { scale, mean, std } = overrides;
  if (scale === undefined && mean === undefined && std === undefined) return preprocessing;
  const base =
    preprocessing.encoding.kind === "normalize"
      ? preprocessing.encoding
      : { kind: "normalize" as const, scale: 1, mean: [0], std: [1], rounding: "half-away" as const };
  const encoding = {
    ...base,
    scale: scale ?? base.scale,
    mean: [...(mean ?? base.mean)],
    std: [...(std ?? base.std)],
  };
  return checkPreprocessing({ ...preprocessing, encoding }, graph);
}

/**
 * Validates plain data (from a package, say) as the preprocessing of `graph`.
 *
 * @throws {DatasetError} `bad-preprocessing` naming the first field that is wrong.
 */
export function checkPreprocessing(value: unknown, graph: Graph): Preprocessing {
  const bad = (place: string, expected: string, found: string) =>
    new DatasetError("bad-preprocessing", "The preprocessing record does not fit the model", {
      place: `preprocessing${place === "" ? "" : `.${place}`}`,
      expected,
      found,
      hint: "Check --scale, --mean and --std, or pack the model again.",
    });
  const parsed = preprocessingSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw bad(issue.path.join("."), issue.message, describe(value, issue.path));
  }
  const record = parsed.data;
  const { shape } = graph.tensors[graph.input];
  const [height, width, channels] = shape;
  if (record.resize.height !== height || record.resize.width !== width) {
    throw bad("resize", `${height}x${width}`, `${record.resize.height}x${record.resize.width}`);
  }
  const needed = { rgb: 3, gray: 1, any: channels }[record.color];
  if (needed !== channels) throw bad("color", `${channels} channels`, `${record.color} (${needed})`);
  if (record.encoding.kind === "normalize") {
    for (const field of ["mean", "std"] as const) {
      const { length } = record.encoding[field];
      if (length !== 1 && length !== channels) {
        throw bad(`encoding.${field}`, `1 or ${channels} values`, `${length} values`);
      }
    }
  }
  return record;
}

function describe(value: unknown, path: readonly PropertyKey[]): string {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) break;
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return (JSON.stringify(current) ?? String(current)).slice(0, 80);
}
