/**
 * Signatures of a package: Ed25519 (RFC 8032) over the hash of the manifest, which names every section by its own hash.
 * They follow the last section, so that signing changes nothing a signature covers. docs/formats/sluice-package.md.
 *
 *   offset  bytes  field
 *        0      4  magic "SLSG"
 *        4      1  version of this block, 1
 *        5      1  signatures, 1 to 8
 *        6      2  zero
 *        8   each  public key (32), signature (64)
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { PackageError, SecurityError } from "../errors.js";

export interface PackageSignature {
  /** Ed25519 public key, 32 bytes. */
  readonly signer: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

export const MAX_SIGNATURES = 8;
export const SIGNER_BYTES = 32;
export const SIGNATURE_BYTES = 64;
const MAGIC = Uint8Array.of(0x53, 0x4c, 0x53, 0x47);
const HEADER_BYTES = 8;
const ENTRY_BYTES = SIGNER_BYTES + SIGNATURE_BYTES;
/** Keeps a signature of something else that happens to have the same bytes from being one of a package. */
const CONTEXT = "sluice package signature 1\0";

/** @param manifestHash SHA-256 of the manifest */
export function signManifest(manifestHash: Uint8Array, key: KeyObject): PackageSignature {
  return {
    signer: publicBytes(createPublicKey(key)),
    signature: new Uint8Array(sign(null, message(manifestHash), key)),
  };
}

export function isValidSignature(manifestHash: Uint8Array, { signer, signature }: PackageSignature): boolean {
  const x = Buffer.from(signer).toString("base64url");
  try {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verify(null, message(manifestHash), key, signature);
  } catch {
    return false; // not a point of the curve
  }
}

export function encodeSignatures(signatures: readonly PackageSignature[]): Uint8Array {
  const block = new Uint8Array(HEADER_BYTES + signatures.length * ENTRY_BYTES);
  block.set(MAGIC);
  block[4] = 1;
  block[5] = signatures.length;
  for (const [i, { signer, signature }] of signatures.entries()) {
    block.set(signer, HEADER_BYTES + i * ENTRY_BYTES);
    block.set(signature, HEADER_BYTES + i * ENTRY_BYTES + SIGNER_BYTES);
  }
  return block;
}

/**
 * What follows the last section; nothing is no signature. Undefined when it is something else.
 * @throws {PackageError} `bad-signature`
 */
export function decodeSignatures(
  block: Uint8Array,
  manifestHash: Uint8Array,
): PackageSignature[] | undefined {
  if (block.length === 0) return [];
  const count = block[5];
  const isBlock =
    block.length >= HEADER_BYTES &&
    MAGIC.every((byte, i) => block[i] === byte) &&
    block[4] === 1 &&
    block[6] === 0 &&
    block[7] === 0 &&
    count >= 1 &&
    count <= MAX_SIGNATURES &&
    block.length === HEADER_BYTES + count * ENTRY_BYTES;
  if (!isBlock) return undefined;
  return Array.from({ length: count }, (_, i) => {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    const signer = block.slice(at, at + SIGNER_BYTES);
    const signature = block.slice(at + SIGNER_BYTES, at + ENTRY_BYTES);
    if (isValidSignature(manifestHash, { signer, signature })) return { signer, signature };
    throw new PackageError("bad-signature", "A signature of the package is not of this content.", {
      place: `signature ${i + 1} of ${count}, by ${signerName(signer)}`,
      hint: "The package was changed after it was signed: get it again, or sign it again.",
    });
  });
}

/** For people: the first 16 digits of the SHA-256 of the public key. */
export function signerName(signer: Uint8Array): string {
  return createHash("sha256").update(signer).digest("hex").slice(0, 16);
}

/** @param pem PKCS #8, as `sluice keygen` and openssl write it. @throws {SecurityError} `bad-key` */
export function readSigningKey(pem: string, place: string): KeyObject {
  return ed25519(place, () => createPrivateKey(pem));
}

/** @param pem SubjectPublicKeyInfo. Returns 32 bytes. @throws {SecurityError} `bad-key` */
export function readSignerKey(pem: string, place: string): Uint8Array {
  return publicBytes(ed25519(place, () => createPublicKey(pem)));
}

function publicBytes(key: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(String(key.export({ format: "jwk" }).x), "base64url"));
}

function ed25519(place: string, read: () => KeyObject): KeyObject {
  let found = "something else";
  try {
    const key = read();
    if (key.asymmetricKeyType === "ed25519") return key;
    found = `a key of type ${key.asymmetricKeyType}`;
  } catch (cause) {
    found = cause instanceof Error ? cause.message : String(cause);
  }
  throw new SecurityError("bad-key", "This file holds no key for signatures.", {
    place,
    expected: "an Ed25519 key in PEM form",
    found,
    hint: "Make a pair with `sluice keygen`: the .key file signs, the .pub file checks.",
  });
}

function message(manifestHash: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(CONTEXT, "latin1"), manifestHash]);
}
