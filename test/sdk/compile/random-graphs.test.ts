/** compile() on random graphs: every layer of the program equals the reference, on both geometries and on tiny ones. */
import { deflateCodec, rawCodec } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { CompileError } from "@sluice/sdk/errors.js";
import { kv260Geometry, type OverlayGeometry, smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { firstDifference } from "../../support/check-compiled.js";
import { type Dialect, randomGraph, randomInput } from "../../support/random-graph.js";

const GRAPHS = 60;
const FIRST_SEED = 5000;
/** What a random graph may ask for that the overlay cannot do; anything else must compile. */
const refusals = ["average-padding", "average-ratio", "per-channel-clamp", "per-channel-scale"];

const geometries: readonly [string, OverlayGeometry][] = [
  ["kv260", kv260Geometry],
  ["small", smallGeometry],
  ["tiny memory", { ...smallGeometry, id: "tiny", activationRows: 160 }],
];

describe("compile on random graphs", () => {
  for (const dialect of ["qonnx", "int8", "uint8"] as const satisfies readonly Dialect[]) {
    for (const [name, geometry] of geometries) {
      it(`equals the reference on every layer: ${dialect}, ${name}`, () => {
        const refused = new Map<string, number>();
        for (let seed = FIRST_SEED; seed < FIRST_SEED + GRAPHS; seed += 1) {
          const graph = randomGraph(seed, { dialect, maxSize: 11, maxChannels: 20 });
          const codec = seed % 2 ? rawCodec : deflateCodec;
          try {
            const compiled = compile(graph, { geometry, codec });
            const difference = firstDifference(graph, compiled, randomInput(graph, seed), geometry);
            expect(difference, `seed ${seed}`).toBeUndefined();
          } catch (error) {
            if (!(error instanceof CompileError) || !refusals.includes(error.code))
              throw new Error(`seed ${seed}`, { cause: error });
            refused.set(error.code, (refused.get(error.code) ?? 0) + 1);
          }
        }
        const count = [...refused.values()].reduce((sum, each) => sum + each, 0);
        expect(count, JSON.stringify([...refused])).toBeLessThan(GRAPHS / 2);
      });
    }
  }
});
