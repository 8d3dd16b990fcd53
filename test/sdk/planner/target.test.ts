/** Targets as users write them. */
import { PlanError } from "@sluice/sdk/errors.js";
import { isReached, paretoFront, paretoPlot, parseTargets } from "@sluice/sdk/planner";
import { describe, expect, it } from "vitest";

describe("targets", () => {
  it.each([
    ["bits/weight<=3.5", [{ kind: "bits/weight", limit: 3.5 }]],
    ["size<=120kB", [{ kind: "size", limit: 120_000 }]],
    ["size<=64 KiB", [{ kind: "size", limit: 65_536 }]],
    ["size<=.5MB", [{ kind: "size", limit: 500_000 }]],
    ["drop<=0.5", [{ kind: "drop", limit: 0.5 }]],
    ["drop <= 1 %", [{ kind: "drop", limit: 1 }]],
    ["cycles<=20000", [{ kind: "cycles", limit: 20_000 }]],
    [
      "drop<=0.5, cycles<=20k",
      [
        { kind: "drop", limit: 0.5 },
        { kind: "cycles", limit: 20_000 },
      ],
    ],
  ])("reads %s", (text, expected) => {
    expect(parseTargets(text)).toEqual(expected);
  });

  it.each([
    "",
    "drop",
    "drop<0.5",
    "drop<=",
    "drop<=-1",
    "drop<=0",
    "drop<=101",
    "speed<=3",
    "size<=3GB",
    "bits/weight<=3kB",
    "cycles<=2ms",
    "drop<=0.5,",
    "drop<=1e5x",
  ])("refuses %j and says what a target looks like", (text) => {
    expect(() => parseTargets(text)).toThrowError(
      expect.objectContaining({ code: "bad-target", hint: expect.stringContaining("bits/weight<=3.5") }),
    );
    expect(() => parseTargets(text)).toThrowError(PlanError);
  });

  it("refuses the same target twice", () => {
    expect(() => parseTargets("drop<=1,drop<=2")).toThrowError(
      expect.objectContaining({ code: "duplicate-target" }),
    );
  });

  it("holds the limit itself for reached", () => {
    const figures = { bitsPerWeight: 2, codedBytes: 100, drop: 0.5, cyclesPerFrame: 10 };
    expect(isReached({ kind: "drop", limit: 0.5 }, figures)).toBe(true);
    expect(isReached({ kind: "size", limit: 99 }, figures)).toBe(false);
  });
});

describe("Pareto plot", () => {
  const point = (bitsPerWeight: number, drop: number) => ({
    label: `a < b & "c"`,
    bitsPerWeight,
    drop,
    codedBytes: 1000,
    cyclesPerFrame: 50,
  });

  it("keeps what nothing beats", () => {
    const points = [point(2, 1), point(1, 3), point(3, 1), point(2, 2), point(4, 0)];
    expect(paretoFront(points).map(({ bitsPerWeight, drop }) => [bitsPerWeight, drop])).toEqual([
      [1, 3],
      [2, 1],
      [4, 0],
    ]);
  });

  it("is well-formed, with one mark per point inside the picture", () => {
    const points = [point(2, 1), point(1, 3), point(4, 0)];
    const svg = paretoPlot("a <b>", points, points[0], [{ kind: "drop", limit: 0.5 }]);
    const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)];
    expect(circles.length).toBe(3);
    for (const [, x, y] of circles) {
      expect(Number(x)).toBeGreaterThanOrEqual(0);
      expect(Number(x)).toBeLessThanOrEqual(720);
      expect(Number(y)).toBeGreaterThanOrEqual(0);
      expect(Number(y)).toBeLessThanOrEqual(440);
    }
    expect(svg).not.toMatch(/a <b>|& "c"/);
    expect(svg.match(/<(svg|text|title)\b/g)?.length).toBe(svg.match(/<\/(svg|text|title)>/g)?.length);
  });

  it("survives one point", () => {
    const only = point(2, 0);
    expect(paretoPlot("one", [only], only)).not.toContain("NaN");
  });
});
