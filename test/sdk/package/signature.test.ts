import { generateKeyPairSync } from "node:crypto";
import {
  decodeSignatures,
  encodeSignatures,
  isValidSignature,
  MAX_SIGNATURES,
  readPackage,
  readSignerKey,
  readSigningKey,
  signerName,
  signManifest,
  signPackage,
  writePackage,
} from "@sluice/sdk/package";
import { assert, describe, it } from "vitest";
import { tinyCompiled, tinyGraph } from "../../support/tiny-package.js";

const file = writePackage(tinyCompiled, tinyGraph(), {});
const keys = () => generateKeyPairSync("ed25519");
const pem = (key: ReturnType<typeof keys>) => ({
  secret: String(key.privateKey.export({ type: "pkcs8", format: "pem" })),
  open: String(key.publicKey.export({ type: "spki", format: "pem" })),
});

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "nothing was thrown";
}

describe("package signatures", () => {
  it("verifies the first test of RFC 8032 section 7.1 as an Ed25519 implementation must", () => {
    const signer = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex");
    const signature = Buffer.from(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
      "hex",
    );
    // That signature is of the empty message; a package signature never is, so it must not pass as one.
    assert.isFalse(isValidSignature(new Uint8Array(0), { signer, signature }));
  });

  it("leaves what is signed as it was, and reads back who signed", () => {
    const pair = keys();
    const signed = signPackage(file, pair.privateKey);
    assert.deepEqual(Buffer.from(signed.subarray(0, file.length)), Buffer.from(file));
    const { signatures, manifest, unsignedBytes } = readPackage(signed);
    assert.equal(unsignedBytes, file.length);
    assert.deepEqual(manifest, readPackage(file).manifest);
    assert.deepEqual(
      signatures.map(({ signer }) => signerName(signer)),
      [signerName(readSignerKey(pem(pair).open, "test"))],
    );
    assert.deepEqual(readPackage(file).signatures, []);
  });

  it("holds several signatures, one for each key", () => {
    const [a, b] = [keys(), keys()];
    const both = signPackage(signPackage(file, a.privateKey), b.privateKey);
    assert.equal(readPackage(both).signatures.length, 2);
    assert.equal(signPackage(both, a.privateKey).length, both.length);
    let full: Uint8Array = file;
    for (let i = 0; i < MAX_SIGNATURES; i += 1) full = signPackage(full, keys().privateKey);
    assert.equal(
      codeOf(() => signPackage(full, keys().privateKey)),
      "too-many-signatures",
    );
  });

  it("notices every changed byte of a signature", () => {
    const signed = signPackage(file, keys().privateKey);
    for (let at = file.length; at < signed.length; at += 1) {
      const damaged = signed.slice();
      damaged[at] ^= 1;
      assert.oneOf(
        codeOf(() => readPackage(damaged)),
        ["bad-signature", "trailing-bytes"],
        `byte ${at}`,
      );
    }
  });

  it("notices a signature of another package", () => {
    const key = keys().privateKey;
    const block = signPackage(file, key).subarray(file.length);
    const other = writePackage({ ...tinyCompiled, notes: ["another"] }, tinyGraph(), {});
    assert.equal(
      codeOf(() => readPackage(Buffer.concat([other, block]))),
      "bad-signature",
    );
  });

  it("refuses a block that is cut, empty or followed by something", () => {
    const hash = new Uint8Array(32);
    const block = encodeSignatures([signManifest(hash, keys().privateKey)]);
    assert.equal(decodeSignatures(block, hash)?.length, 1);
    for (let length = 1; length < block.length; length += 1) {
      assert.isUndefined(decodeSignatures(block.subarray(0, length), hash), `${length} bytes`);
    }
    assert.isUndefined(decodeSignatures(Buffer.concat([block, Uint8Array.of(0)]), hash));
    assert.isUndefined(decodeSignatures(encodeSignatures([]), hash));
  });

  it("takes PEM keys as openssl writes them, and no others", () => {
    const pair = pem(keys());
    assert.equal(readSigningKey(pair.secret, "a").asymmetricKeyType, "ed25519");
    const rsa = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const wrong = String(rsa.privateKey.export({ type: "pkcs8", format: "pem" }));
    assert.equal(
      codeOf(() => readSigningKey(wrong, "a")),
      "bad-key",
    );
    assert.equal(
      codeOf(() => readSigningKey(pair.open, "a")),
      "bad-key",
    );
    assert.equal(
      codeOf(() => readSignerKey("nonsense", "a")),
      "bad-key",
    );
  });
});
