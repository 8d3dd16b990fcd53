/**
 * INSTALL (0x20), host to board: put these sections together as the plan says and make the model ready to run.
 *
 * The board answers `ready` with the number the later requests name, or `missing` with the indices (into `sections`)
 * of what it lacks and how much of each it already has. Errors: `geometry-mismatch`, `overlay-version`,
 * `bad-section-layout`, `unsupported-codec`, `out-of-memory`.
 *
 * A board that demands signatures (hello) wants `signed`, and reads the manifest as one more section, whose index is the
 * number of `sections`. Errors: `unsigned-package`, `untrusted-signer`, `bad-signature`, `not-what-was-signed`.
 * Installing the same plan again is harmless.
 */
import { z } from "zod";
import type { RunPlan } from "../../compile/types.js";
import { packageLimits } from "../../package/format.js";
import { MAX_SIGNATURES, SIGNATURE_BYTES, SIGNER_BYTES } from "../../package/signature.js";
import { defineExchange, type ReplyOf, type RequestOf } from "../exchange.js";
import { bytes, counter, name, sectionBytes, sha256, u32 } from "../fields.js";
import { MAX_LAYERS, MAX_SECTIONS } from "../limits.js";

export const runPlan: z.ZodType<RunPlan> = z.strictObject({
  geometry: name,
  overlayVersion: u32,
  imageBytes: sectionBytes,
  commandOffset: sectionBytes,
  commandCount: u32,
  tablesOffset: sectionBytes,
  tablesBytes: sectionBytes,
  inputFrameBytes: sectionBytes.min(1),
  outputFrameBytes: sectionBytes.min(1),
  scratchBytes: sectionBytes,
  layerCount: u32.max(MAX_LAYERS),
  cyclesPerFrame: counter,
});

const plannedSection = z.strictObject({
  sha256,
  kind: z.enum(["program", "tables", "parameters", "weights"]),
  name,
  /** Byte offset in the DDR image. */
  offset: sectionBytes,
  bytes: sectionBytes,
});

const signedManifest = z.strictObject({
  /** SHA-256 of the package's manifest; the board keeps the manifest like a section. */
  manifest: sha256,
  bytes: u32.min(1).max(packageLimits.manifestBytes),
  signatures: z
    .array(z.strictObject({ signer: bytes(SIGNER_BYTES), signature: bytes(SIGNATURE_BYTES) }))
    .min(1)
    .max(MAX_SIGNATURES),
});

export const install = defineExchange({
  name: "install",
  code: 0x20,
  request: z.strictObject({
    plan: runPlan,
    sections: z.array(plannedSection).min(1).max(MAX_SECTIONS),
    /** For the board's error messages, indexed like LayerInfo.index. */
    layerNames: z.array(name).max(MAX_LAYERS),
    signed: signedManifest.optional(),
  }),
  reply: z.discriminatedUnion("state", [
    z.strictObject({ state: z.literal("ready"), model: u32 }),
    z.strictObject({
      state: z.literal("missing"),
      missing: z.array(z.strictObject({ index: u32, received: sectionBytes })).max(MAX_SECTIONS + 1),
    }),
  ]),
});

export type InstallRequest = RequestOf<typeof install>;
export type InstallReply = ReplyOf<typeof install>;
export type SignedManifest = z.infer<typeof signedManifest>;
export type PlannedSection = InstallRequest["sections"][number];
