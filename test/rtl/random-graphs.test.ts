/** compile() on random graphs, run by the RTL: the CRC of every layer and the output equal the reference's. */
import { RtlDevice } from "@sluice/board-firmware/device/rtl.js";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { layerCrcs } from "@sluice/host-agent/jobs/layer-crcs.js";
import { ansCodec, rawCodec } from "@sluice/sdk/codec";
import { compile, inputFrame, outputCodes } from "@sluice/sdk/compile";
import { CompileError } from "@sluice/sdk/errors.js";
import { smallGeometry as geometry } from "@sluice/sdk/overlay";
import { createReference } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { codesOf } from "../support/check-compiled.js";
import { randomGraph, randomInput } from "../support/random-graph.js";

const GRAPHS = Number(process.env.SLUICE_RTL_GRAPHS ?? 100);
const FIRST_SEED = Number(process.env.SLUICE_RTL_SEED ?? 5000);

/** The first graph of a seed's row that the overlay can hold: some are refused, by name, which other tests look at. */
function compilable(seed: number) {
  for (let attempt = 0; ; attempt += 1) {
    const graph = randomGraph(seed + 100_000 * attempt);
    try {
      return { graph, compiled: compile(graph, { geometry, codec: seed % 3 === 0 ? rawCodec : ansCodec }) };
    } catch (error) {
      if (!(error instanceof CompileError) || attempt === 50) throw error;
    }
  }
}

describe("the RTL on compiled random graphs", () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + GRAPHS; seed += 1) {
    it(`equals the reference, seed ${seed}`, async () => {
      const { graph, compiled } = compilable(seed);
      const memory = seed % 4 === 0 ? { latency: 100, jitter: 50, busyPer1024: 200, beatsPer1024: 700 } : {};
      const device = new RtlDevice({ geometry, memory, seed, memoryBytes: 64 * 2 ** 20 });
      const driver = new OverlayDriver(device);
      driver.load(compiled.plan, compiled.sections);
      const input = randomInput(graph, seed);
      const { outputs } = await driver.run(
        inputFrame(codesOf(input, compiled.input.codeOffset), compiled.input, geometry),
      );
      const tensors = createReference(graph).runAll(input);
      const expected = layerCrcs(graph, tensors, compiled.layers, geometry).map(([a, b]) => [a, b ?? 0]);
      expect(driver.layerCounters().map(({ crc0, crc1 }) => [crc0, crc1])).toEqual(expected);
      expect(outputCodes(outputs, compiled.output, geometry)).toEqual(
        codesOf(tensors[graph.output], compiled.output.codeOffset),
      );
      expect(device.violation).toBe("");
      await device.close();
    });
  }
});
