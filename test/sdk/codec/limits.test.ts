/** Everything encoded for a decoder of limited memories keeps within them. */
import { ansCodec, encodeAns, type LayerWeights } from "@sluice/sdk/codec";
import { kinds, readHeader } from "@sluice/sdk/codec/ans/header.js";
import { unpackTables } from "@sluice/sdk/codec/ans/tables.js";
import { type DecoderLimits, decoderLimits, kv260Geometry, smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";
import { distributions, randomLayer } from "./layers.js";

const SEED = 80;
const MODELS = 12;

/** Encodes, decodes, and holds every header against the limits; returns how many layers are coded and predicted. */
function checkModel(
  layers: readonly LayerWeights[],
  limits: DecoderLimits,
  options: Parameters<typeof encodeAns>[1] = {},
): { coded: number; predicted: number } {
  const { tables, streams } = encodeAns(layers, { ...options, limits });
  const counts = { coded: 0, predicted: 0 };
  const decoder = ansCodec.openDecoder(tables);
  const model = tables.length === 0 ? undefined : unpackTables(tables);
  if (model) expect(model.classes.length << model.log).toBeLessThanOrEqual(limits.tableStates);
  if (model) expect(model.log).toBeLessThanOrEqual(limits.tableLog);
  layers.forEach(({ layout, weights }, index) => {
    expect(decoder.decode(streams[index], layout)).toEqual(weights);
    if ((streams[index][0] & 3) === kinds.stored) return;
    const { header } = readHeader(streams[index], layout, model!);
    if (header.kind === kinds.stored) throw new Error("read as coded before");
    counts.coded += 1;
    expect(header.lanes).toBeLessThanOrEqual(limits.lanes);
    expect(header.lanes).toBeGreaterThanOrEqual(limits.fewestLanes);
    expect(Math.max(layout.outputs, layout.inputs)).toBeLessThanOrEqual(limits.channels);
    expect(layout.kernelHeight * layout.kernelWidth).toBeLessThanOrEqual(limits.taps);
    if (!header.prediction) return;
    counts.predicted += 1;
    const { flattened } = header.prediction;
    const width = flattened?.kernelWidth ?? layout.kernelWidth;
    const channels = flattened?.channels ?? layout.inputs;
    expect((width + 1) * channels).toBeLessThanOrEqual(limits.predictedRows);
    expect(header.prediction.coefficients.length / 3).toBeLessThanOrEqual(limits.taps);
  });
  return counts;
}

describe(`limits of a decoder (seed ${SEED})`, () => {
  it("hold for random models and random limits", () => {
    const random = seededRandom(SEED);
    const total = { coded: 0, predicted: 0 };
    for (let round = 0; round < MODELS; round += 1) {
      const layers = [smooth(random.next), randomLayer(random.next), randomLayer(random.next)];
      const tableLog = random.pick([8, 9, 10, 11]);
      const limits = {
        lanes: random.pick([4, 8, 32]),
        fewestLanes: random.pick([1, 4]),
        tableLog: random.pick([tableLog, 11]),
        tableStates: random.pick([1, 2, 5]) << tableLog,
        channels: random.pick([12, 30, 4096]),
        taps: random.pick([1, 9, 256]),
        predictedRows: random.pick([12, 40, 2048]),
      };
      const pairs = random.pick(["never", "always"] as const);
      const { coded, predicted } = checkModel(layers, limits, { tableLog, pairs });
      total.coded += coded;
      total.predicted += predicted;
    }
    expect(total.coded).toBeGreaterThan(MODELS / 2);
    expect(total.predicted).toBeGreaterThan(0);
  });

  it("of the overlay hold for layers at and beyond its memories", () => {
    const limits = decoderLimits(kv260Geometry);
    const random = seededRandom(SEED + 1);
    const weights = (outputs: number, inputs: number, kernel: number): LayerWeights => {
      const layout = { outputs, inputs, kernelHeight: kernel, kernelWidth: kernel, outputTile: 16 };
      return randomLayer(random.next, "gaussian", layout);
    };
    const within = [weights(4096, 1, 1), weights(1, 4096, 1), weights(2, 2, 16), weights(2, 256, 3)];
    const beyond = [weights(4097, 1, 1), weights(1, 4097, 1), weights(2, 2, 17)];
    expect(checkModel(within, limits).coded).toBe(within.length);
    expect(checkModel(beyond, limits).coded).toBe(0);
    expect(checkModel(beyond, { ...limits, channels: 5000, taps: 400 }).coded).toBe(beyond.length);
    // Tables of more states than the lanes can address are made smaller.
    expect(checkModel([...within, ...beyond], limits, { tableLog: 10 }).coded).toBe(within.length);
  });

  it("are as many lanes as the geometry has", () => {
    expect(decoderLimits(smallGeometry).lanes).toBe(smallGeometry.decoderLanes);
    const layout = { outputs: 64, inputs: 64, kernelHeight: 3, kernelWidth: 3, outputTile: 16 };
    const layer = randomLayer(seededRandom(SEED).next, "gaussian", layout);
    expect(checkModel([layer], decoderLimits(smallGeometry)).coded).toBe(1);
  });
});

/** Neighbouring taps alike, so that prediction pays. */
function smooth(random: () => number): LayerWeights {
  const layout = { outputs: 24, inputs: 10, kernelHeight: 3, kernelWidth: 3, outputTile: 8 };
  const plane = layout.inputs * 8;
  const weights = new Int8Array(24 * 90);
  for (let tile = 0; tile < 3; tile += 1) {
    for (let at = 0; at < plane; at += 1) {
      let weight = distributions.gaussian(random) / 2;
      for (let tap = 0; tap < 9; tap += 1) {
        weight += distributions.narrow(random);
        weights[tile * 9 * plane + tap * plane + at] = Math.round(weight);
      }
    }
  }
  return { name: "smooth", layout, weights };
}
