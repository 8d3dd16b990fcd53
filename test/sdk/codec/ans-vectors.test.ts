import { readFileSync } from "node:fs";
import type { WeightLayout } from "@sluice/sdk/codec";
import { openAnsDecoder } from "@sluice/sdk/codec/ans/decode.js";
import { decodeReference } from "@sluice/sdk/codec/ans/decode-reference.js";
import { encodeAns } from "@sluice/sdk/codec/ans/encode.js";
import { crc32c } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";

interface Vector {
  readonly name: string;
  readonly tables: string;
  readonly layers: readonly {
    readonly layout: WeightLayout;
    readonly stream: string;
    readonly weights: string;
  }[];
}

const file = new URL("../../vectors/weight-stream.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vector[];
const bytes = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, "base64"));
const signed = (base64: string): Int8Array => Int8Array.from(Buffer.from(base64, "base64"));

describe.each(vectors)("weight stream vector: $name", ({ tables, layers }) => {
  it("is decoded to the known weights by both decoders", () => {
    const decoder = openAnsDecoder(bytes(tables));
    for (const { layout, stream, weights } of layers) {
      expect(decoder.decode(bytes(stream), layout)).toEqual(signed(weights));
      expect(decodeReference(bytes(tables), bytes(stream), layout)).toEqual(signed(weights));
    }
  });
});

/** Little-endian bytes of a 32-bit number. */
function word32(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
}

describe("a weight stream written by hand from the format page", () => {
  // R = 9, one table in which every state is symbol 0: version 2, log 1, 1 table, 1 class (table 0, shift 0, from 0), then
  // symmetric, k 0, extent 0, escape EG(0) of 0. Set bits: 1, 8, 28 and 40.
  const section = [0x02, 0x01, 0x00, 0x10, 0x00, 0x01];
  const tables = Uint8Array.of(...section, ...word32(crc32c(Uint8Array.from(section))));
  // kind 1, one lane, classes 0..0, base 0, no offsets; the CRC begins at bit 31 of the header.
  const layout = { outputs: 2, inputs: 3, kernelHeight: 1, kernelWidth: 1, outputTile: 1 };

  it("holds six zeros in a header and no words", () => {
    const crc = BigInt(crc32c(new Uint8Array(6)));
    const header = 1n | (crc << 31n);
    const stream = Uint8Array.from({ length: 8 }, (_, index) => Number((header >> BigInt(8 * index)) & 255n));
    expect(openAnsDecoder(tables).decode(stream, layout)).toEqual(new Int8Array(6));
    expect(decodeReference(tables, stream, layout)).toEqual(new Int8Array(6));
  });

  it("is what the encoder writes for six zeros", () => {
    const encoded = encodeAns([{ name: "zeros", layout, weights: new Int8Array(6) }], { pairs: "never" });
    expect(openAnsDecoder(encoded.tables).decode(encoded.streams[0], layout)).toEqual(new Int8Array(6));
    expect(encoded.streams[0].length).toBeLessThanOrEqual(8);
  });
});
