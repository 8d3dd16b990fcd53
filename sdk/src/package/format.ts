/**
 * The `.sluice` file, version 1. Page: docs/formats/sluice-package.md.
 *
 *   offset  bytes  field
 *        0      8  magic 89 53 4C 43 0D 0A 1A 0A (a text-mode transfer damages it visibly)
 *        8      4  format version, little-endian
 *       12      4  manifest bytes
 *       16     32  SHA-256 of the manifest
 *       48      n  manifest, CBOR
 *   48 + n      .  sections, back to back, in the manifest's order
 *
 * Every section is named by its SHA-256, so a board that has one needs no second copy, and nothing is used before its
 * hash was checked.
 */
import { z } from "zod";

export const PACKAGE_MAGIC = Uint8Array.of(0x89, 0x53, 0x4c, 0x43, 0x0d, 0x0a, 0x1a, 0x0a);
export const PACKAGE_VERSION = 1;
export const HEADER_BYTES = 48;

/** Far above any model the overlay can run, far below what would exhaust a host. */
export const packageLimits = {
  manifestBytes: 16 * 1024 * 1024,
  sectionBytes: 512 * 1024 * 1024,
  sections: 4_096,
  fileBytes: 1024 * 1024 * 1024,
} as const;

const count = z.number().int().nonnegative();
const name = z.string().max(512);
const shape = z.tuple([count, count, count]);
const hash = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length === 32,
  "not a SHA-256 of 32 bytes",
);

export const sectionEntrySchema = z.strictObject({
  kind: z.enum(["program", "tables", "parameters", "weights", "graph"]),
  name,
  bytes: count.max(packageLimits.sectionBytes),
  sha256: hash,
  /** Where the section lies in the DDR image; null for sections that stay on the host. */
  imageOffset: count.nullable(),
});

const frameFormat = z.strictObject({
  shape,
  packing: z.enum(["packed", "words"]),
  codeOffset: z.number().int(),
  scale: z.number(),
  zeroPoint: z.number().int(),
});

const layerInfo = z.strictObject({
  index: count,
  name,
  kind: z.enum(["convolution", "depthwise", "fully-connected", "max-pool", "average-pool", "add"]),
  command: count,
  outputs: z
    .array(z.strictObject({ tensor: name, codeOffset: z.number().int() }))
    .min(1)
    .max(2),
  shape,
  rows: z.tuple([count, count]),
  tile: count,
  macs: count,
  weightBytes: count,
  compressedBytes: count,
  codec: z.string().max(64),
  cycles: z.strictObject({
    total: count,
    compute: count,
    stallWeights: count,
    stallData: count,
    weightBeats: count,
  }),
});

export const runPlanSchema = z.strictObject({
  geometry: z.string().max(64),
  overlayVersion: count,
  imageBytes: count.max(packageLimits.fileBytes),
  commandOffset: count,
  commandCount: count.min(1),
  tablesOffset: count,
  tablesBytes: count,
  inputFrameBytes: count.min(1),
  outputFrameBytes: count.min(1),
  scratchBytes: count,
  layerCount: count,
  cyclesPerFrame: count,
});

export const manifestSchema = z.strictObject({
  /** Name and version of the program that wrote the file. */
  producer: z.string().max(128),
  name,
  codec: z.string().max(64),
  source: z.strictObject({
    format: z.enum(["qonnx", "tflite-int8", "tflite-uint8", "sluice", "synthetic"]),
    file: name,
    sha256: z.string().max(64),
  }),
  plan: runPlanSchema,
  input: frameFormat,
  output: frameFormat,
  /** Plain data of sdk/preprocess, validated there. Part of the manifest, and so of its hash. */
  preprocessing: z.unknown(),
  layers: z.array(layerInfo),
  memory: z.array(
    z.strictObject({
      name: z.enum(["BRAM36", "URAM", "DDR", "activation rows", "weight lines"]),
      used: z.number(),
      available: z.number(),
      unit: z.string().max(32),
    }),
  ),
  notes: z.array(z.string()),
  sections: z.array(sectionEntrySchema).max(packageLimits.sections),
});

export type SectionEntry = z.infer<typeof sectionEntrySchema>;
export type PackageManifest = z.infer<typeof manifestSchema>;
