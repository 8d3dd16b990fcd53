/** Mirrored calibration pictures: known numbers, and twice mirrored is the picture itself. */
import { withMirrored } from "@sluice/sdk/quantize";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

describe("mirrored calibration images", () => {
  it("follow the given ones, left and right exchanged, channels kept together", () => {
    const images = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    expect([...withMirrored(images, 1, [2, 3, 2])]).toEqual([
      ...images,
      ...[5, 6, 3, 4, 1, 2],
      ...[11, 12, 9, 10, 7, 8],
    ]);
  });

  it("mirrored again are the given ones (seed 61)", () => {
    const random = seededRandom(61);
    const [count, shape] = [3, [4, 5, 3] as const];
    const images = Float32Array.from({ length: 180 }, () => random.next());
    const mirrored = withMirrored(images, count, shape).subarray(180);
    expect(mirrored).not.toEqual(images);
    expect(withMirrored(mirrored, count, shape).slice(180)).toEqual(images);
  });
});
