import { readFileSync } from "node:fs";
/** Packing of activation memory, frames, and the report against the K26. */
import { inputFrame, memoryReport, outputCodes } from "@sluice/sdk/compile";
import { packSegments, type Segment } from "@sluice/sdk/compile/pack-segments.js";
import { kv260Geometry, smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

describe("packSegments", () => {
  it("never overlaps blocks that live at the same time, and stays below the capacity", () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      const segments = Array.from({ length: random.integer(1, 25) }, (): Segment => {
        const start = random.integer(0, 20);
        return { rows: random.integer(1, 30), start, end: start + random.integer(0, 6) };
      });
      const capacity = random.integer(20, 150);
      const packing = packSegments(segments, capacity);
      if ("failed" in packing) {
        expect(segments[packing.failed], `seed ${seed}`).toBeDefined();
        continue;
      }
      segments.forEach((a, i) => {
        expect(packing.bases[i] + a.rows).toBeLessThanOrEqual(capacity);
        for (let j = 0; j < i; j += 1) {
          const b = segments[j];
          const together = a.start <= b.end && b.start <= a.end;
          const apart =
            packing.bases[i] + a.rows <= packing.bases[j] || packing.bases[j] + b.rows <= packing.bases[i];
          expect(!together || apart, `seed ${seed}, blocks ${i} and ${j}`).toBe(true);
        }
      });
    }
  });

  it("finds room whenever blocks never meet", () => {
    const segments = Array.from({ length: 9 }, (_, at) => ({ rows: 100, start: at, end: at }));
    expect(packSegments(segments, 100)).toEqual({ bases: segments.map(() => 0), peak: 100 });
  });
});

describe("frames", () => {
  const codes = Int8Array.from({ length: 3 * 5 * 11 }, (_, at) => ((at * 37) % 256) - 128);
  const format = { shape: [3, 5, 11] as const, codeOffset: 0, scale: 1, zeroPoint: 0 };

  it("pads pixels to whole words and takes the padding off again", () => {
    const words = { ...format, packing: "words" as const };
    const frame = inputFrame(codes, words, smallGeometry);
    expect(frame.length).toBe(256);
    expect([...frame.subarray(11, 16)]).toEqual([0, 0, 0, 0, 0]);
    expect(outputCodes(frame, words, smallGeometry)).toEqual(codes);
  });

  it("packs pixels without padding", () => {
    const packed = { ...format, packing: "packed" as const };
    const frame = inputFrame(codes, packed, smallGeometry);
    expect(frame.length).toBe(192);
    expect(outputCodes(frame, packed, smallGeometry)).toEqual(codes);
  });

  it("refuses tensors of another size", () => {
    const words = { ...format, packing: "words" as const };
    expect(() => inputFrame(codes.subarray(1), words, smallGeometry)).toThrow(
      expect.objectContaining({ code: "frame-size", expected: "165 bytes" }),
    );
  });
});

describe("memoryReport", () => {
  it("counts the blocks that synthesis infers for the default geometry", () => {
    const report = memoryReport({ activationRows: 100, weightLines: 72, ddrBytes: 5000 }, kv260Geometry);
    const [blocks, ultra, ddr, rows, lines] = report;
    const page = readFileSync(new URL("../../../docs/synthesis.md", import.meta.url), "utf8");
    const cells = (/^\| sluice_overlay \|.*$/m.exec(page)?.[0] ?? "").split("|").map((cell) => cell.trim());
    expect([blocks.used, ultra.used]).toEqual([Number(cells[8]), Number(cells[9])]);
    expect(ultra).toMatchObject({ name: "URAM", used: 63, available: 64 });
    expect([ddr.used, rows.used, lines.used]).toEqual([5000, 100, 72]);
  });
});
