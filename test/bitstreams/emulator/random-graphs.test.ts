/** Random graphs, compiled and run on the emulated board: every layer's CRC and every dumped element equal the reference. */
import { EmulatedDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { weightCodecs } from "@sluice/sdk/codec";
import { compile, inputFrame } from "@sluice/sdk/compile";
import { CompileError } from "@sluice/sdk/errors.js";
import { engineOrderCrc, kv260Geometry, smallGeometry } from "@sluice/sdk/overlay";
import { createReference } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { codesOf } from "../../support/check-compiled.js";
import { randomGraph, randomInput } from "../../support/random-graph.js";

const GRAPHS = 20;
const FIRST_SEED = 5000;

describe("random graphs on the emulated board", () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + GRAPHS; seed += 1) {
    it(`equal the reference on every layer, seed ${seed}`, async () => {
      const geometry = seed % 2 === 0 ? smallGeometry : kv260Geometry;
      const graph = randomGraph(seed, { maxChannels: 24 });
      const codec = weightCodecs[seed % weightCodecs.length];
      const compiled = compileOrSay(() => compile(graph, { geometry, codec }), seed);
      if (compiled === undefined) return;
      const device = new EmulatedDevice({ geometry, checkOwnership: true });
      const driver = new OverlayDriver(device);
      driver.load(compiled.plan, compiled.sections);
      const input = randomInput(graph, seed);
      const frame = inputFrame(codesOf(input, compiled.input.codeOffset), compiled.input, geometry);
      const { cycles } = await driver.run(frame);
      expect(cycles).toBe(compiled.plan.cyclesPerFrame);
      const counters = driver.layerCounters();
      const tensors = createReference(graph).runAll(input);
      for (const { index, name, outputs, rows, shape, tile, cycles: cost } of compiled.layers) {
        const [, width, channels] = shape;
        const { crc0, crc1, cycles: charged, weightBeats } = counters[index];
        expect({ charged, weightBeats }, name).toEqual({
          charged: cost.total,
          weightBeats: cost.weightBeats,
        });
        for (const [output, { tensor, codeOffset }] of outputs.entries()) {
          const id = graph.tensors.findIndex((candidate) => candidate.name === tensor);
          const band = tensors[id].subarray(rows[0] * width * channels, rows[1] * width * channels);
          const codes = codesOf(band, codeOffset);
          const crcShape = { height: rows[1] - rows[0], width, channels, tile };
          expect(output === 0 ? crc0 : crc1, name).toBe(engineOrderCrc(codes, crcShape, geometry));
          const dump = await driver.dumpLayer(index, output === 0 ? 0 : 1, frame);
          expect(Buffer.compare(Buffer.from(dump.codes), Buffer.from(codes)), name).toBe(0);
        }
      }
      await device.close();
    });
  }
});

/** A graph the overlay cannot hold is refused by name, which is an answer, too. */
function compileOrSay<T>(work: () => T, seed: number): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    console.warn(`seed ${seed}: ${error.code}, ${error.message}`);
    return undefined;
  }
}
