/**
 * Reads a `.sluice` file. Everything is checked before anything is used: magic, version, lengths, the manifest's hash
 * and shape, every section's hash, and that sections lie inside the image without overlapping.
 */
import { type CborError, decodeCbor } from "../cbor/index.js";
import type { CompiledModel, ImageSection } from "../compile/types.js";
import { PackageError, SluiceError } from "../errors.js";
import type { Graph } from "../graph/types.js";
import {
  HEADER_BYTES,
  manifestSchema,
  PACKAGE_MAGIC,
  PACKAGE_VERSION,
  type PackageManifest,
  packageLimits,
  type SectionEntry,
} from "./format.js";
import { decodeGraphSection } from "./graph-section.js";
import { decodeLayerWeights } from "./layer-weights.js";
import { decodeSignatures, type PackageSignature } from "./signature.js";
import { sha256 } from "./write-package.js";

export interface OpenPackage {
  readonly manifest: PackageManifest;
  readonly compiled: CompiledModel;
  /** The encoded manifest and its SHA-256, which is what signatures are of. */
  readonly manifestBytes: Uint8Array;
  readonly manifestHash: Uint8Array;
  /** All of them were checked against the manifest; whom to trust is the reader's business. */
  readonly signatures: readonly PackageSignature[];
  /** Length of the file without its signatures. */
  readonly unsignedBytes: number;
  /** Decodes the weights and rebuilds the graph; checked against the hash of the weights that were packed. */
  readonly readGraph: () => Graph;
}

export function isPackage(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && PACKAGE_MAGIC.subarray(0, 4).every((byte, index) => bytes[index] === byte);
}

/**
 * @throws {PackageError} `not-a-package`, `damaged-transfer`, `future-version`, `oversized`, `truncated`,
 * `trailing-bytes`, `corrupt-manifest`, `corrupt-section`, `bad-layout`, `bad-signature`
 */
export function readPackage(file: Uint8Array): OpenPackage {
  const manifestBytes = readManifestBytes(file);
  const manifestHash = file.slice(16, 48);
  const manifest = decodeManifest(manifestBytes);
  const start = HEADER_BYTES + manifestBytes.length;
  const unsignedBytes = manifest.sections.reduce((sum, { bytes }) => sum + bytes, start);
  const signatures = readSignatures(file, unsignedBytes, manifestHash);
  const sections = readSections(file, manifest, start);
  checkImageLayout(manifest);
  const { name, codec, plan, input, output, layers, memory, notes } = manifest;
  const image: ImageSection[] = sections
    .filter(({ entry }) => entry.kind !== "graph")
    .map(({ entry, bytes }) => ({
      kind: entry.kind as ImageSection["kind"],
      name: entry.name,
      offset: entry.imageOffset ?? 0,
      bytes,
    }));
  const compiled: CompiledModel = {
    name,
    codec,
    plan,
    sections: image,
    input,
    output,
    layers,
    memory,
    notes,
  };
  const readGraph = (): Graph => {
    const graph = sections.find(({ entry }) => entry.kind === "graph");
    if (!graph) {
      throw new PackageError("missing-section", "The package holds no graph to verify against.", {
        hint: "Pack the model again, or deploy the original model file.",
      });
    }
    return decodeGraphSection(graph.bytes, decodeLayerWeights(compiled));
  };
  return { manifest, compiled, manifestBytes, manifestHash, signatures, unsignedBytes, readGraph };
}

/** What it says was compared with its hash, not yet with the schema. */
function readManifestBytes(file: Uint8Array): Uint8Array {
  if (!isPackage(file)) {
    throw new PackageError("not-a-package", "This is not a .sluice package.", {
      place: "byte 0",
      expected: `magic ${hex(PACKAGE_MAGIC)}`,
      found: hex(file.subarray(0, 8)),
      hint: "Give a file made by `sluice pack`, or a model file (.onnx, .tflite).",
    });
  }
  if (file.length < HEADER_BYTES) throw truncated(HEADER_BYTES, file.length);
  if (!PACKAGE_MAGIC.every((byte, index) => file[index] === byte)) {
    throw new PackageError("damaged-transfer", "The package was changed by a text-mode transfer.", {
      place: "byte 4",
      expected: hex(PACKAGE_MAGIC),
      found: hex(file.subarray(0, 8)),
      hint: "Copy the file again in binary mode.",
    });
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const version = view.getUint32(8, true);
  if (version !== PACKAGE_VERSION) {
    const future = version > PACKAGE_VERSION;
    throw new PackageError(
      future ? "future-version" : "unknown-version",
      "The package has another format version.",
      {
        place: "byte 8",
        expected: `version ${PACKAGE_VERSION}`,
        found: `version ${version}`,
        hint: future
          ? "Update Sluice, or pack the model with this version."
          : "The file is damaged: get it again.",
      },
    );
  }
  const manifestBytes = view.getUint32(12, true);
  if (manifestBytes > packageLimits.manifestBytes || file.length > packageLimits.fileBytes) {
    throw new PackageError("oversized", "The package is larger than any this version accepts.", {
      expected: `a manifest of at most ${packageLimits.manifestBytes} bytes in ${packageLimits.fileBytes}`,
      found: `a manifest of ${manifestBytes} bytes in ${file.length}`,
      hint: "The file is damaged or not made by Sluice: pack the model again.",
    });
  }
  if (HEADER_BYTES + manifestBytes > file.length) throw truncated(HEADER_BYTES + manifestBytes, file.length);
  const encoded = file.subarray(HEADER_BYTES, HEADER_BYTES + manifestBytes);
  requireHash(encoded, file.subarray(16, 48), "corrupt-manifest", "manifest", HEADER_BYTES);
  return encoded;
}

/** @throws {PackageError} `corrupt-manifest` */
export function decodeManifest(encoded: Uint8Array): PackageManifest {
  let document: unknown;
  try {
    document = decodeCbor(encoded);
  } catch (cause) {
    throw corruptManifest((cause as CborError).message, cause);
  }
  const parsed = manifestSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw corruptManifest(`${issue.path.join(".") || "manifest"}: ${issue.message}`, parsed.error);
}

function readSignatures(file: Uint8Array, total: number, manifestHash: Uint8Array): PackageSignature[] {
  if (file.length < total) throw truncated(total, file.length);
  const signatures = decodeSignatures(file.subarray(total), manifestHash);
  if (signatures) return signatures;
  throw new PackageError("trailing-bytes", "The package is followed by bytes that do not belong to it.", {
    place: `byte ${total}`,
    expected: `${total} bytes, or signatures after them`,
    found: `${file.length} bytes`,
    hint: "Copy the file again; something was appended to it.",
  });
}

function readSections(
  file: Uint8Array,
  manifest: PackageManifest,
  start: number,
): { entry: SectionEntry; bytes: Uint8Array }[] {
  let at = start;
  return manifest.sections.map((entry) => {
    const bytes = file.slice(at, at + entry.bytes);
    requireHash(bytes, entry.sha256, "corrupt-section", `section "${entry.name}"`, at);
    at += entry.bytes;
    return { entry, bytes };
  });
}

function checkImageLayout({ sections, plan }: PackageManifest): void {
  let end = 0;
  const placed = sections
    .filter((entry) => entry.kind !== "graph")
    .sort((a, b) => (a.imageOffset ?? 0) - (b.imageOffset ?? 0));
  for (const entry of placed) {
    const offset = entry.imageOffset;
    if (offset === null || offset < end || offset + entry.bytes > plan.imageBytes) {
      throw new PackageError("bad-layout", "Sections of the DDR image overlap or leave it.", {
        place: `section "${entry.name}"`,
        expected: `an offset in ${end}..${plan.imageBytes - entry.bytes}`,
        found: String(offset),
        hint: "Pack the model again.",
      });
    }
    end = offset + entry.bytes;
  }
}

function requireHash(bytes: Uint8Array, expected: Uint8Array, code: string, what: string, at: number): void {
  const found = sha256(bytes);
  if (found.every((byte, index) => byte === expected[index])) return;
  throw new PackageError(code, `The ${what} of the package is corrupted.`, {
    place: `bytes ${at}..${at + bytes.length - 1}`,
    expected: `SHA-256 ${hex(expected)}`,
    found: `SHA-256 ${hex(found)}`,
    hint: "Copy the file again, or pack the model again.",
  });
}

function truncated(expected: number, found: number): PackageError {
  return new PackageError("truncated", "The package ends too early.", {
    place: `byte ${found}`,
    expected: `${expected} bytes`,
    found: `${found} bytes`,
    hint: "The file was cut off: copy it again, or pack the model again.",
  });
}

function corruptManifest(reason: string, cause: unknown): PackageError {
  return new PackageError("corrupt-manifest", `The package's manifest cannot be used: ${reason}.`, {
    cause,
    details: cause instanceof SluiceError ? { ...cause.details } : {},
    hint: "Pack the model again with this version.",
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
