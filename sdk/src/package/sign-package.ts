/** Adds a signature to a package that was read, and so checked, before. */
import type { KeyObject } from "node:crypto";
import { PackageError } from "../errors.js";
import { readPackage } from "./read-package.js";
import { encodeSignatures, MAX_SIGNATURES, signerName, signManifest } from "./signature.js";

/**
 * The package with a signature by `key`; an older one by the same key is replaced.
 * @throws {PackageError} what `readPackage` says; `too-many-signatures`
 */
export function signPackage(file: Uint8Array, key: KeyObject): Uint8Array {
  const { manifestHash, signatures, unsignedBytes } = readPackage(file);
  const added = signManifest(manifestHash, key);
  const name = signerName(added.signer);
  const kept = signatures.filter(({ signer }) => signerName(signer) !== name);
  if (kept.length >= MAX_SIGNATURES) {
    throw new PackageError(
      "too-many-signatures",
      "The package has as many signatures as there is room for.",
      {
        expected: `at most ${MAX_SIGNATURES}`,
        hint: "Pack it again and sign it with the keys that are still in use.",
      },
    );
  }
  return Buffer.concat([file.subarray(0, unsignedBytes), encodeSignatures([...kept, added])]);
}
