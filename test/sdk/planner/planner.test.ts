/** The planner on a small residual model: targets held by what it returns, trials against the solver, typed refusals. */
import { defaultCodec } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { PlanError } from "@sluice/sdk/errors.js";
import type { Graph, InputEncoding } from "@sluice/sdk/graph";
import { geometries } from "@sluice/sdk/overlay";
import {
  allocate,
  layerChoices,
  orderFindings,
  parseTargets,
  planCandidates,
  planModel,
  totalBits,
  totalDistortion,
  tryLayers,
} from "@sluice/sdk/planner";
import { logitSensitivity, lowerFloatGraph, quantizedWeightCount, quantizeModel } from "@sluice/sdk/quantize";
import { argmax, createReference } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { beforeAll, describe, expect, it } from "vitest";
import { residualModel, smoothImages } from "../../support/float-model.js";
import { seededRandom } from "../../support/seeded-random.js";

const CALIBRATION = 48;
const HELD_OUT = 64;
const [, geometry] = geometries;
const inputEncoding: InputEncoding = {
  kind: "normalize",
  scale: 1,
  mean: [0],
  std: [1],
  rounding: "half-even",
};

function setUp(seed: number, channels = 8) {
  const random = seededRandom(seed);
  const model = residualModel(random, { biases: true, channels });
  const images = smoothImages(random, CALIBRATION);
  const held = smoothImages(random, HELD_OUT);
  const logits = createFloatInterpreter(model, { batch: HELD_OUT }).run(held);
  const classes = Array.from({ length: HELD_OUT }, (_, index) =>
    argmax(logits.subarray(index * 5, index * 5 + 5)),
  );
  const measure = async (graph: Graph) => {
    const { scale, zeroPoint, min, max } = graph.tensors[graph.input];
    const reference = createReference(graph);
    const equal = classes.filter((expected, index) => {
      const codes = Int32Array.from(held.subarray(index * 192, (index + 1) * 192), (value) =>
        Math.min(Math.max(Math.round(value / scale) + zeroPoint, min), max),
      );
      return argmax(reference.run(codes).output) === expected;
    }).length;
    return { drop: 100 * (1 - equal / HELD_OUT), agreement: equal / HELD_OUT };
  };
  const context = { inputEncoding, geometry, codec: defaultCodec, random: () => random.next(), measure };
  const plan = (text: string) => planModel(model, images, CALIBRATION, parseTargets(text), context);
  return { model, images, random, plan };
}

describe("trials and allocation", () => {
  const tried = ({ model, images, random }: ReturnType<typeof setUp>) => {
    const sensitivity = logitSensitivity(model, images, CALIBRATION, () => random.next());
    return tryLayers(model, images, CALIBRATION, planCandidates(), {
      sensitivity,
      random: () => random.next(),
    });
  };
  let trials: ReturnType<typeof tryLayers>;
  beforeAll(() => {
    trials = tried(setUp(1));
  });

  it("more bits err less", () => {
    for (const { layer, trials: known } of trials) {
      const widths = [2, 3, 4, 6, 8].map(
        (bits) => known.find(({ candidate }) => candidate.label === `${bits} bits`)!.distortion,
      );
      for (let index = 1; index < widths.length; index += 1) {
        expect(widths[index], layer).toBeLessThan(widths[index - 1]);
      }
    }
  });

  it("a dearer bit buys fewer bits and more error", () => {
    const none = new Map<string, number>();
    const plans = [1e-6, 1e-5, 1e-4, 1e-3].map((price) => allocate(trials, price, none));
    for (let index = 1; index < plans.length; index += 1) {
      expect(totalBits(plans[index], none)).toBeLessThanOrEqual(totalBits(plans[index - 1], none));
      expect(totalDistortion(plans[index])).toBeGreaterThanOrEqual(totalDistortion(plans[index - 1]));
    }
  });

  it("finds that pruning first errs less than pruning last, in most layers", () => {
    // Few layers can be pruned in one small model: three more have a say.
    const findings = [trials, ...[2, 3, 4].map((seed) => tried(setUp(seed)))].flatMap(orderFindings);
    expect(findings.length).toBeGreaterThan(0);
    const wins = findings.reduce((sum, { pruneFirstWins }) => sum + pruneFirstWins, 0);
    const pairs = findings.reduce((sum, { layers }) => sum + layers, 0);
    expect(wins / pairs).toBeGreaterThan(0.6);
  });
});

describe("planner", () => {
  it("stays within a size, and the package's figures are the point's", async () => {
    const { plan } = setUp(2);
    const planned = await plan("size<=1300B");
    const { best, points } = planned;
    expect(best.codedBytes).toBeLessThanOrEqual(1300);
    expect(points).toContain(best);
    const streams = best.compiled.layers.reduce((sum, layer) => sum + layer.weightBytes, 0);
    expect(streams).toBeGreaterThan(0);
    const choices = layerChoices(planned);
    expect(choices.length).toBe(planned.trials.length);
  }, 60_000);

  it("saves bits within a drop", async () => {
    const { best, points } = await setUp(3).plan("drop<=10");
    expect(best.drop).toBeLessThanOrEqual(10);
    expect(best.bitsPerWeight).toBeLessThanOrEqual(Math.max(...points.map((point) => point.bitsPerWeight)));
  }, 60_000);

  it("says what it reached where nothing reaches the target", async () => {
    const { plan } = setUp(4);
    const error = await plan("size<=100B").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PlanError);
    expect(error).toMatchObject({
      code: "unreachable-target",
      expected: "size<=100 B",
      details: { codedBytes: expect.any(Number) },
    });
  }, 60_000);

  it("takes channels out until the cycles are few enough", async () => {
    const { model, images, random, plan } = setUp(6, 16);
    const nearest = quantizeModel(model, images, 4, { method: "nearest", random: () => random.next() });
    const whole = compile(lowerFloatGraph(model, nearest, { inputEncoding }), {
      geometry,
      codec: defaultCodec,
    });
    const limit = whole.plan.cyclesPerFrame - 1;
    const { best, model: narrow, narrowed } = await plan(`cycles<=${limit}`);
    expect(best.cyclesPerFrame).toBeLessThanOrEqual(limit);
    expect(narrowed.length).toBeGreaterThan(0);
    for (const { from, to } of narrowed) expect(to).toBeLessThan(from);
    expect(quantizedWeightCount(narrow)).toBeLessThan(quantizedWeightCount(model));
  }, 60_000);

  it("says so where no number of channels is fast enough", async () => {
    await expect(setUp(5).plan("cycles<=10")).rejects.toMatchObject({ code: "unreachable-target" });
  }, 60_000);
});
