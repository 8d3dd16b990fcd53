import { resizeBilinear } from "@sluice/sdk/preprocess";
import { describe, expect, it } from "vitest";
import { readNpy } from "../../support/npy.js";
import { seededRandom } from "../../support/seeded-random.js";
import { hasSharedData, sharedFile } from "../../support/shared-data.js";

/** Pixels of an uncompressed 24-bit bottom-up BMP, read without the decoder under test elsewhere. */
function bmpPixels(bytes: Uint8Array): { height: number; width: number; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, width, height] = [view.getUint32(10, true), view.getInt32(18, true), view.getInt32(22, true)];
  expect(view.getUint16(28, true)).toBe(24);
  const pitch = Math.ceil((width * 3) / 4) * 4;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = start + (height - 1 - y) * pitch + x * 3;
      for (let c = 0; c < 3; c++) data[(y * width + x) * 3 + c] = bytes[from + 2 - c];
    }
  }
  return { height, width, data };
}

describe("bilinear resize", () => {
  it("keeps a picture of the right size", () => {
    const pixels = Uint8Array.of(1, 2, 3, 4);
    expect(resizeBilinear(pixels, 2, 2, 1, 2, 2)).toEqual(pixels);
  });

  it("averages 2x2 to one pixel, half up, and repeats one pixel to many", () => {
    expect(resizeBilinear(Uint8Array.of(1, 2, 3, 4), 2, 2, 1, 1, 1)).toEqual(Uint8Array.of(3)); // 2.5
    expect(resizeBilinear(Uint8Array.of(7, 8, 9), 1, 1, 3, 2, 1)).toEqual(Uint8Array.of(7, 8, 9, 7, 8, 9));
  });

  it("uses half-pixel centres: doubling weighs the neighbours 1/4 and 3/4", () => {
    expect(resizeBilinear(Uint8Array.of(0, 100), 1, 2, 1, 1, 4)).toEqual(Uint8Array.of(0, 25, 75, 100));
  });

  it("never leaves the range of its neighbours", () => {
    const random = seededRandom(96);
    for (let round = 0; round < 50; round += 1) {
      const [h, w, th, tw] = [0, 0, 0, 0].map(() => random.integer(1, 12));
      const pixels = Uint8Array.from({ length: h * w * 3 }, () => random.integer(40, 90));
      const resized = resizeBilinear(pixels, h, w, 3, th, tw);
      expect(resized.length).toBe(th * tw * 3);
      expect(resized.every((value) => value >= 40 && value <= 90)).toBe(true);
    }
  });

  it.runIf(hasSharedData).each([96, 128, 224])("reproduces the golden photos at %i exactly", (side) => {
    const golden = readNpy(sharedFile("golden", `photos_${side}.npy`)).data as Uint8Array;
    ["grace_hopper", "bird", "cat", "dragonfly", "sunflower"].forEach((name, index) => {
      const { height, width, data } = bmpPixels(sharedFile("data", "photos", `${name}.bmp`));
      const resized = resizeBilinear(data, height, width, 3, side, side);
      const expected = golden.subarray(index * resized.length, (index + 1) * resized.length);
      expect(Buffer.compare(resized, expected), `${name} at ${side}`).toBe(0);
    });
  });
});
