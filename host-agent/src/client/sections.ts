/** The sections of a model as the protocol names them: by their SHA-256. */
import { createHash } from "node:crypto";
import type { ImageSection } from "@sluice/sdk/compile";
import { MAX_NAME, type PlannedSection } from "@sluice/sdk/protocol";

/** A section whose hash is already known (from a package) need not be hashed again. */
export type UploadSection = ImageSection & { readonly sha256?: Uint8Array };

/** Something the board keeps by its hash. */
export type UploadPart = Pick<PlannedSection, "name" | "bytes" | "sha256"> & { readonly content: Uint8Array };

export type HashedSection = PlannedSection & UploadPart;

export function hashSections(sections: readonly UploadSection[]): HashedSection[] {
  return sections.map(({ kind, name, offset, bytes, sha256 }) => ({
    kind,
    name,
    offset,
    bytes: bytes.length,
    sha256: sha256 ?? new Uint8Array(createHash("sha256").update(bytes).digest()),
    content: bytes,
  }));
}

/** What goes into the `install` request: everything but the content. */
export function planned({ kind, name, offset, bytes, sha256 }: HashedSection): PlannedSection {
  return { kind, name: nameOnTheWire(name), offset, bytes, sha256 };
}

/**
 * Names are for people; TFLite joins those of all operators it fused, which can pass the protocol's limit. The start
 * tells most, so the end is cut.
 */
export function nameOnTheWire(name: string): string {
  return name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME - 1)}…`;
}
