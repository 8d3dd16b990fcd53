/** A board that installs only what somebody it trusts has signed. */
import { SecurityError } from "@sluice/sdk/errors.js";
import { decodeManifest, isValidSignature, type PackageManifest, signerName } from "@sluice/sdk/package";
import type { InstallRequest, SignedManifest } from "@sluice/sdk/protocol";
import { sameBytes } from "@sluice/sdk/protocol";

export class SignaturePolicy {
  readonly #trusted: readonly Uint8Array[];

  /** @param trusted Ed25519 public keys, 32 bytes each */
  constructor(trusted: readonly Uint8Array[]) {
    this.#trusted = trusted;
  }

  /**
   * Whether the request carries a signature by somebody trusted. What it signs is compared by `checkContent`.
   * @throws {SecurityError} `unsigned-package`, `untrusted-signer`, `bad-signature`
   */
  checkSigner({ signed }: Pick<InstallRequest, "signed">): SignedManifest {
    if (signed === undefined) {
      throw new SecurityError("unsigned-package", "This board installs signed packages only.", {
        expected: `a signature by ${this.#names(this.#trusted)}`,
        found: "none",
        hint: "Sign the package: sluice sign model.sluice --key NAME.key, then deploy the .sluice file.",
      });
    }
    const trusted = signed.signatures.filter(({ signer }) =>
      this.#trusted.some((key) => sameBytes(key, signer)),
    );
    if (trusted.length === 0) {
      throw new SecurityError("untrusted-signer", "The package is signed by nobody this board trusts.", {
        expected: `a signature by ${this.#names(this.#trusted)}`,
        found: `by ${this.#names(signed.signatures.map(({ signer }) => signer))}`,
        hint: "Sign it with a trusted key, or start the board with --require-signature and this signer's .pub file.",
      });
    }
    if (trusted.some((signature) => isValidSignature(signed.manifest, signature))) return signed;
    throw new SecurityError("bad-signature", "The signature is not one of this package.", {
      found: `by ${this.#names(trusted.map(({ signer }) => signer))}`,
      hint: "The package was changed after it was signed: get it again, or sign it again.",
    });
  }

  /**
   * Whether the request asks for exactly what the signed manifest describes. Names are for people and not compared.
   * @throws {SecurityError} `not-what-was-signed` @throws {PackageError} `corrupt-manifest`
   */
  checkContent(request: InstallRequest, manifestBytes: Uint8Array): void {
    const manifest = decodeManifest(manifestBytes);
    const plan = Object.entries(request.plan).find(
      ([field, value]) => manifest.plan[field as keyof PackageManifest["plan"]] !== value,
    );
    if (plan) throw notSigned(`plan.${plan[0]}`, String(plan[1]));
    const described = manifest.sections.filter(({ kind }) => kind !== "graph");
    if (described.length !== request.sections.length) {
      throw notSigned("the number of sections", String(request.sections.length));
    }
    for (const [i, section] of request.sections.entries()) {
      const { kind, bytes, sha256, imageOffset } = described[i];
      const same =
        kind === section.kind &&
        bytes === section.bytes &&
        imageOffset === section.offset &&
        sameBytes(sha256, section.sha256);
      if (!same) throw notSigned(`section ${i}`, `"${section.name}"`);
    }
  }

  #names(signers: readonly Uint8Array[]): string {
    return signers.map(signerName).join(", ") || "nobody";
  }
}

function notSigned(place: string, found: string): SecurityError {
  return new SecurityError("not-what-was-signed", "What is to be installed is not what was signed.", {
    place,
    expected: "what the signed manifest says",
    found,
    hint: "Deploy the signed package as it is.",
  });
}
