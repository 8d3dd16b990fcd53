/**
 * From the shared key of a pairing and the two greetings to the keys of one connection. Everything that was said before
 * goes into the salt, the fresh X25519 secret into the input: a key serves one connection, and one that leaks later
 * does not open what was recorded earlier.
 *
 *   transcript = SHA-256("sluice link 1" | "tls" or "records" | greeting | answer)
 *   key(label) = HKDF-SHA-256(input X25519 secret | shared key, salt transcript, info label)      RFC 5869, RFC 7748
 *   host proof  = HMAC-SHA-256(key("host proof"), transcript)
 *   board proof = HMAC-SHA-256(key("board proof"), transcript | host proof)
 */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto";
import { SecurityError } from "../../errors.js";

/** How the connection is protected after the greetings. */
export type Protection = "tls" | "records";

const X25519_BYTES = 32;
/** Bytes of a pairing's shared key. */
export const SHARED_KEY_BYTES = 32;

export interface LinkKeys {
  readonly transcript: Uint8Array;
  readonly hostProof: Uint8Array;
  readonly boardProof: Uint8Array;
  /** For the records of each direction. */
  readonly hostToBoard: Uint8Array;
  readonly boardToHost: Uint8Array;
  /** The external key of TLS 1.3. */
  readonly tls: Uint8Array;
  /** What a pairing leaves behind as the shared key of later connections. */
  readonly pairing: Uint8Array;
}

export interface KeyShare {
  readonly privateKey: KeyObject;
  /** 32 bytes, for the greeting. */
  readonly publicBytes: Uint8Array;
}

/**
 * The pair is taken out as DER and read in again. A key object that is exported while its own generator's leftovers are
 * collected hangs Node.js 20 for good: export holds the key's lock, the collected job wants it. The soak met that once.
 */
export function makeKeyShare(): KeyShare {
  const pair = generateKeyPairSync("x25519", {
    privateKeyEncoding: { type: "pkcs8", format: "der" },
    publicKeyEncoding: { type: "spki", format: "der" },
  });
  const privateKey = createPrivateKey({ key: pair.privateKey, type: "pkcs8", format: "der" });
  // The key is the end of RFC 8410's SubjectPublicKeyInfo.
  return { privateKey, publicBytes: new Uint8Array(pair.publicKey.subarray(-X25519_BYTES)) };
}

/**
 * @param own this end's share, the other end's as it came
 * @throws {SecurityError} `bad-share` for a point that would make the secret predictable
 */
export function deriveKeys(
  sharedKey: Uint8Array,
  own: KeyShare,
  othersShare: Uint8Array,
  said: { readonly protection: Protection; readonly greeting: Uint8Array; readonly answer: Uint8Array },
): LinkKeys {
  const transcript = createHash("sha256")
    .update(`sluice link 1 ${said.protection}\0`)
    .update(said.greeting)
    .update(said.answer)
    .digest();
  const input = Buffer.concat([x25519(own, othersShare), sharedKey]);
  const key = (label: string) => new Uint8Array(hkdfSync("sha256", input, transcript, `sluice ${label}`, 32));
  const mac = (label: string, ...parts: Uint8Array[]) => {
    const hmac = createHmac("sha256", key(label));
    for (const part of parts) hmac.update(part);
    return new Uint8Array(hmac.digest());
  };
  const hostProof = mac("host proof", transcript);
  return {
    transcript,
    hostProof,
    boardProof: mac("board proof", transcript, hostProof),
    hostToBoard: key("host to board"),
    boardToHost: key("board to host"),
    tls: key("tls"),
    pairing: key("pairing"),
  };
}

/** In constant time. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function x25519(own: KeyShare, othersShare: Uint8Array): Uint8Array {
  const x = Buffer.from(othersShare).toString("base64url");
  try {
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
    return diffieHellman({ privateKey: own.privateKey, publicKey });
  } catch (cause) {
    throw new SecurityError("bad-share", "The other end sent a key share that nobody would choose.", {
      hint: "Somebody may be interfering with this link.",
      cause,
    });
  }
}
