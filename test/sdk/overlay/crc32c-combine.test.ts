import { crc32c, crc32cCombine } from "@sluice/sdk/overlay";
import { expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

it("crc32cCombine gives the CRC of joined bytes, whatever their lengths", () => {
  const random = seededRandom(9);
  for (let round = 0; round < 200; round += 1) {
    const bytes = Uint8Array.from({ length: random.integer(0, 700) }, () => random.integer(0, 255));
    const cut = random.integer(0, bytes.length);
    const [first, second] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    expect(crc32cCombine(crc32c(first), crc32c(second), second.length)).toBe(crc32c(bytes));
  }
});
