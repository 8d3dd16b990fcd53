/** The CRC-32C over a layer's weights that every codec's stream but the stored one carries. */
import { CodecError } from "../errors.js";
import { crc32c } from "../overlay/crc32c.js";

export function weightsCrc(weights: Int8Array): number {
  return crc32c(new Uint8Array(weights.buffer, weights.byteOffset, weights.length));
}

/** @throws {CodecError} `checksum-mismatch` */
export function checkWeights(weights: Int8Array, expected: number): void {
  checkCrc(weightsCrc(weights), expected);
}

/** @throws {CodecError} `checksum-mismatch` */
export function checkCrc(found: number, expected: number): void {
  if (found === expected) return;
  throw new CodecError("checksum-mismatch", "The decoded weights do not match their checksum.", {
    expected: `0x${expected.toString(16)}`,
    found: `0x${found.toString(16)}`,
    hint: "The weight stream or its tables are damaged: send the package again.",
  });
}

/** For codecs without tables. @throws {CodecError} `corrupt-tables` */
export function refuseTables(tables: Uint8Array, codec: string): void {
  if (tables.length === 0) return;
  throw new CodecError("corrupt-tables", `The ${codec} codec has no tables, but some were supplied.`, {
    expected: "0 bytes",
    found: `${tables.length} bytes`,
  });
}

/** @throws {CodecError} `trailing-bytes` */
export function checkConsumed(used: number, stream: Uint8Array): void {
  if (used >= stream.length) return;
  throw new CodecError("trailing-bytes", "A weight stream goes on after its last weight.", {
    expected: `${used} bytes`,
    found: `${stream.length} bytes`,
  });
}
