/**
 * The one-time code a person carries from the board to the host. Eight characters of Crockford's base 32 are 40 bits;
 * scrypt (RFC 7914) makes each guess cost 32 MiB and tens of milliseconds, and a code serves one try.
 */
import { randomInt, scrypt } from "node:crypto";

/** Without I, L, O and U, which are misread. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH = 8;
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;

/** "K7QF-2M9X" */
export function makePairingCode(): string {
  const characters = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]);
  return `${characters.slice(0, LENGTH / 2).join("")}-${characters.slice(LENGTH / 2).join("")}`;
}

/** As a person types it: small letters, spaces, O for 0, I and L for 1. Undefined when it cannot be a code. */
export function readPairingCode(typed: string): string | undefined {
  const plain = typed.toUpperCase().replace(/[\s-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1");
  if (plain.length !== LENGTH || [...plain].some((character) => !ALPHABET.includes(character)))
    return undefined;
  return `${plain.slice(0, LENGTH / 2)}-${plain.slice(LENGTH / 2)}`;
}

/** The key both ends prove during pairing; `said` is greeting and answer, so that no table can be made beforehand. */
export function stretchPairingCode(code: string, ...said: Uint8Array[]): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(code, Buffer.concat(said), 32, SCRYPT, (error, key) => {
      if (error) reject(error);
      else resolve(new Uint8Array(key));
    });
  });
}
