import { createHash } from "node:crypto";
import { SHAPE_OUTLINES } from "@sluice/sdk/train/shape-outlines.js";
import {
  drawShapeImage,
  drawShapeImages,
  SHAPE_CLASSES,
  SHAPE_IMAGE_BYTES,
} from "@sluice/sdk/train/shapes-dataset.js";
import { describe, expect, it } from "vitest";

describe("shapes data set", () => {
  it("draws the same images on every machine", () => {
    const { pixels, labels } = drawShapeImages(7, 100, 64);
    expect(createHash("sha256").update(pixels).update(labels).digest("hex")).toMatchInlineSnapshot(
      `"ca98cfeb43208b57a9997e62053d74b64f600d3228a7c99c7675ae9ade508c88"`,
    );
  });

  it("makes an image from its seed and index alone", () => {
    const { pixels, labels } = drawShapeImages(7, 100, 3);
    const second = drawShapeImage(7, 101);
    expect(second.label).toBe(labels[1]);
    expect(second.pixels).toEqual(pixels.slice(SHAPE_IMAGE_BYTES, 2 * SHAPE_IMAGE_BYTES));
    expect(drawShapeImage(8, 101).pixels).not.toEqual(second.pixels);
  });

  it("draws every class about equally often", () => {
    const perClass = new Array<number>(SHAPE_CLASSES.length).fill(0);
    for (let index = 0; index < 1000; index += 1) perClass[drawShapeImage(1, index).label] += 1;
    for (const count of perClass) expect(count).toBeGreaterThan(65); // 3.7 standard deviations below 100
  });

  it("has outlines that differ from each other over at least 8 % of the square", () => {
    const grid = Array.from({ length: 60 * 60 }, (_, i) => [
      ((i % 60) - 29.5) / 30,
      (Math.floor(i / 60) - 29.5) / 30,
    ]);
    const masks = SHAPE_OUTLINES.map((inside) => grid.map(([x, y]) => inside(x, y)));
    masks.forEach((mask, a) => {
      const area = mask.filter(Boolean).length / mask.length;
      expect(area, SHAPE_CLASSES[a]).toBeGreaterThan(0.15);
      for (let b = 0; b < a; b += 1) {
        const different = mask.filter((value, i) => value !== masks[b][i]).length / mask.length;
        expect(different, `${SHAPE_CLASSES[a]} and ${SHAPE_CLASSES[b]}`).toBeGreaterThan(0.08);
      }
    });
  });
});
