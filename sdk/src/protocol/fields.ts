/** The field types messages are made of; every one has a limit. */
import { z } from "zod";
import { MAX_NAME, MAX_SECTION_BYTES } from "./limits.js";

export const u16 = z.int().min(0).max(0xffff);
export const u32 = z.int().min(0).max(0xffff_ffff);
/** A count or size that may exceed 32 bits; exact up to 2^53 - 1. */
export const counter = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
export const sectionBytes = z.int().min(0).max(MAX_SECTION_BYTES);
/** Names of boards, layers, codecs, geometries. */
export const name = z.string().min(1).max(MAX_NAME);
export const text = z.string().max(2_000);

/** A byte string of exactly `count` bytes. */
export function bytes(count: number) {
  return z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === count, {
    error: `expected ${count} bytes`,
  });
}

/** SHA-256. On the wire a byte string; hex only where people read it. */
export const sha256 = bytes(32);

export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

/** The inverse of `toHex`. The caller guarantees an even number of hexadecimal digits. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
