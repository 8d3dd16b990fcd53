/** Channels that really go: against the original with the same channels silenced, and through additions. */
import { defaultCodec } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import type { FloatConvolutionNode, FloatGraph } from "@sluice/sdk/graph/float.js";
import { geometries } from "@sluice/sdk/overlay";
import {
  type ChannelClass,
  channelSpaces,
  lowerFloatGraph,
  pruneFilters,
  quantizeModel,
  removeChannels,
} from "@sluice/sdk/quantize";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { describe, expect, it } from "vitest";
import { residualModel, smoothImages } from "../../support/float-model.js";
import { seededRandom } from "../../support/seeded-random.js";

const IMAGES = 32;

/** The model with every weight that writes a removed channel at 0: what removal must compute. */
function silenced(model: FloatGraph, removed: readonly ChannelClass[]): FloatGraph {
  const gone = new Set(
    removed.flatMap(({ members }) => members.map(({ tensor, channel }) => `${tensor}/${channel}`)),
  );
  const nodes = model.nodes.map((node) => {
    if (node.kind !== "convolution") return node;
    const size = node.weights.length / node.bias.length;
    const stays = (o: number) => !gone.has(`${node.output}/${o}`);
    return {
      ...node,
      weights: node.weights.map((weight, index) => (stays(Math.floor(index / size)) ? weight : 0)),
      bias: node.bias.map((value, o) => (stays(o) ? value : 0)),
    };
  });
  return { ...model, nodes };
}

const setUp = (seed: number) => {
  const random = seededRandom(seed);
  return { random, model: residualModel(random, { biases: true }), images: smoothImages(random, IMAGES) };
};
const logits = (model: FloatGraph, images: Float32Array) =>
  createFloatInterpreter(model, { batch: IMAGES }).run(images);
const squaredDistance = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, index) => sum + (value - b[index]) ** 2, 0);

describe("channel spaces", () => {
  it("ties what an addition and a depthwise layer tie", () => {
    const { model } = setUp(1);
    const spaces = channelSpaces(model);
    const names = spaces.map(({ producers }) => producers.map(({ name }) => name).join("+"));
    expect(names).toEqual(["first", "down", "branch+short"]);
    expect(spaces.map(({ crossesAddition }) => crossesAddition)).toEqual([false, false, true]);
    // The sum, its clamp, the depthwise layer, its clamp and the pool follow the two that are added.
    expect(spaces[2].classes[0].members.length).toBeGreaterThanOrEqual(7);
  });

  it.each([1, 2, 3])("removing channels equals silencing them, additions included (seed %i)", (seed) => {
    const { model, images } = setUp(seed);
    const removed = channelSpaces(model).flatMap(({ classes }) => [classes[1], classes[4], classes[6]]);
    const narrow = removeChannels(model, removed);
    const weights = (graph: FloatGraph) =>
      graph.nodes.reduce((sum, node) => sum + (node.kind === "convolution" ? node.weights.length : 0), 0);
    expect(weights(narrow)).toBeLessThan(weights(model));
    const [expected, actual] = [logits(silenced(model, removed), images), logits(narrow, images)];
    actual.forEach((value, index) => {
      expect(value).toBeCloseTo(expected[index], 4);
    });
  });

  it("refuses to remove a whole tensor", () => {
    const { model } = setUp(1);
    expect(() => removeChannels(model, channelSpaces(model)[0].classes)).toThrowError(
      expect.objectContaining({ code: "empty-tensor" }),
    );
  });
});

describe("filter pruning", () => {
  it.each(["l1", "l2", "apoz"] as const)("%s: the refit errs less than removal alone", (score) => {
    let wins = 0;
    for (const seed of [1, 2, 3, 4]) {
      const { model, images } = setUp(seed);
      const exact = logits(model, images);
      const [plain, refitted] = [0, 1e5].map((positions) =>
        squaredDistance(
          logits(pruneFilters(model, images, IMAGES, { share: 0.3, score, positions }).model, images),
          exact,
        ),
      );
      if (refitted < plain) wins += 1;
    }
    expect(wins).toBe(4);
  });

  it("takes the filters of least norm, and keeps a multiple", () => {
    const { model, images } = setUp(5);
    const options = { share: 0.5, score: "l1", positions: 0, multiple: 4 } as const;
    const { model: narrow } = pruneFilters(model, images, IMAGES, options);
    const at = (graph: FloatGraph) =>
      graph.nodes.find(({ name }) => name === "first") as FloatConvolutionNode;
    expect(at(narrow).bias.length).toBe(4);
    const norms = Array.from({ length: 8 }, (_, o) =>
      at(model)
        .weights.subarray(o * 27, (o + 1) * 27)
        .reduce((sum, weight) => sum + Math.abs(weight), 0),
    );
    const largest = [...norms].sort((a, b) => b - a).slice(0, 4);
    const kept = Array.from({ length: 4 }, (_, o) =>
      at(narrow)
        .weights.subarray(o * 27, (o + 1) * 27)
        .reduce((sum, weight) => sum + Math.abs(weight), 0),
    );
    expect([...kept].sort((a, b) => b - a)).toEqual(largest);
  });

  it("costs fewer cycles on the overlay", () => {
    const random = seededRandom(6);
    const model = residualModel(random, { biases: true, channels: 24 });
    const images = smoothImages(random, IMAGES);
    const [, geometry] = geometries;
    const cycles = (graph: FloatGraph) => {
      const plan = quantizeModel(graph, images, 4, { method: "nearest", random: () => random.next() });
      const inputEncoding = {
        kind: "normalize",
        scale: 1,
        mean: [0],
        std: [1],
        rounding: "half-even",
      } as const;
      const integer = lowerFloatGraph(graph, plan, { inputEncoding });
      return compile(integer, { geometry, codec: defaultCodec }).plan.cyclesPerFrame;
    };
    const options = { share: 0.6, score: "l2", positions: 1e4, acrossAdditions: true } as const;
    expect(cycles(pruneFilters(model, images, IMAGES, options).model)).toBeLessThan(cycles(model));
  });
});
