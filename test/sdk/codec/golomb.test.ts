import { BitReader, BitWriter } from "@sluice/sdk/codec/ans/bit-stream.js";
import {
  type GolombDivisor,
  golombBits,
  halfOctaves,
  octaves,
  readGolomb,
  writeGolomb,
} from "@sluice/sdk/codec/rice/golomb.js";
import { describe, expect, it } from "vitest";

const bitsOf = (value: number, divisor: GolombDivisor, bits: number): string => {
  const out = new BitWriter();
  writeGolomb(out, value, divisor, bits);
  const length = golombBits(value, divisor, bits);
  const reader = new BitReader(out.toBytes(), "test");
  return Array.from({ length }, () => reader.read(1)).join("");
};
const named = (value: number): GolombDivisor => ({
  odd: value % 3 === 0 ? 3 : 1,
  low: Math.log2(value % 3 === 0 ? value / 3 : value),
  flat: false,
});

describe("Golomb codes", () => {
  const cases = [
    { value: 0, divisor: named(1), bits: 8, code: "0" },
    { value: 3, divisor: named(1), bits: 8, code: "1110" },
    { value: 5, divisor: named(2), bits: 8, code: "1101" },
    { value: 4, divisor: named(3), bits: 8, code: "1010" },
    { value: 200, divisor: named(128), bits: 8, code: "10001001", what: "the largest quotient has no zero" },
    { value: 200, divisor: named(1), bits: 8, code: `${"1".repeat(12)}00010011`, what: "escaped" },
    { value: 9, divisor: { ...named(4), flat: true }, bits: 8, code: "0110" },
    { value: 17, divisor: { ...named(4), flat: true }, bits: 8, code: "111010" },
    { value: 255, divisor: { ...named(4), flat: true }, bits: 8, code: `11${"1".repeat(9)}11111111` },
  ];
  for (const { value, divisor, bits, code, what } of cases) {
    it(`write ${value} by ${divisor.odd << divisor.low} as ${code}${what ? `: ${what}` : ""}`, () => {
      expect(bitsOf(value, divisor, bits)).toBe(code);
    });
  }

  it("give back every number under every divisor, in as many bits as they say", () => {
    for (const divisor of [...halfOctaves(false), ...halfOctaves(true), ...octaves]) {
      for (const bits of [7, 8]) {
        const out = new BitWriter();
        let total = 0;
        for (let value = 0; value < 1 << bits; value += 1) {
          writeGolomb(out, value, divisor, bits);
          total += golombBits(value, divisor, bits);
        }
        const bytes = out.toBytes();
        expect(bytes.length).toBe(Math.ceil(total / 8));
        const reader = new BitReader(bytes, "test");
        for (let value = 0; value < 1 << bits; value += 1) {
          expect(readGolomb(reader, divisor, bits)).toBe(value);
        }
      }
    }
  });
});
