/** The network that code adaptation differentiates: gradients against finite differences, values against the grids. */
import { calibrate, planStorage, quantizeInPlace, runNode } from "@sluice/sdk/quantize";
import { TrainableNetwork } from "@sluice/sdk/quantize/adapt/trainable-network.js";
import { describe, expect, it } from "vitest";
import { residualModel, smoothImages } from "../../support/float-model.js";
import { seededRandom } from "../../support/seeded-random.js";

const IMAGES = 6;

describe("trainable network", () => {
  it.each([1, 2, 3])("gradients of weights and biases equal finite differences (seed %i)", (seed) => {
    const random = seededRandom(seed);
    const model = residualModel(random, { biases: true });
    const images = smoothImages(random, IMAGES);
    const network = new TrainableNetwork(model, new Map(), IMAGES);
    const direction = Float32Array.from({ length: IMAGES * 5 }, () => random.next() - 0.5);
    const value = (): number =>
      network.forward(images, IMAGES).reduce((sum, logit, index) => sum + logit * direction[index], 0);
    value();
    network.backward(direction, IMAGES);
    for (const [name, { node, weights, bias, load }] of network.layers) {
      // Along the gradient itself the change is largest; kinks of the clamps allow for a little difference.
      const norm = [...weights, ...bias].reduce((sum, g) => sum + g * g, 0);
      expect(norm).toBeGreaterThan(0);
      const size = 1e-3 / Math.sqrt(norm);
      const move = (sign: number): number => {
        load(
          node.weights.map((weight, index) => weight + sign * size * weights[index]),
          node.bias.map((value, index) => value + sign * size * bias[index]),
        );
        return value();
      };
      const slope = (move(1) - move(-1)) / (2 * size);
      load(node.weights, node.bias);
      expect(slope / norm, name).toBeGreaterThan(0.97);
      expect(slope / norm, name).toBeLessThan(1.03);
    }
  });

  it("gradients add up over runs until they are cleared", () => {
    const random = seededRandom(4);
    const model = residualModel(random, { biases: true });
    const images = smoothImages(random, IMAGES);
    const network = new TrainableNetwork(model, new Map(), IMAGES);
    const ones = new Float32Array(IMAGES * 5).fill(1);
    const layer = network.layers.get("down");
    network.forward(images, IMAGES);
    network.backward(ones, IMAGES);
    const once = layer?.weights.slice() as Float32Array;
    network.forward(images, IMAGES);
    network.backward(ones, IMAGES);
    layer?.weights.forEach((value, index) => {
      expect(value).toBeCloseTo(2 * once[index], 4);
    });
    network.clearGradients();
    expect(layer?.weights.every((value) => value === 0)).toBe(true);
  });

  it("runs on the calibrated grids as the simulated network does", () => {
    const random = seededRandom(5);
    const model = residualModel(random, { biases: true });
    const images = smoothImages(random, IMAGES);
    const grids = calibrate(model, images, IMAGES, { scales: "free", bits: 8, range: { kind: "mse" } });
    const { stored } = planStorage(model);
    const values = new Map<number, Float32Array>([[model.input, images.slice()]]);
    const store = (id: number): void => {
      const grid = stored.has(id) ? grids.get(id) : undefined;
      if (grid) quantizeInPlace(grid, values.get(id) as Float32Array);
    };
    store(model.input);
    for (const node of model.nodes) {
      values.set(node.output, runNode(model, node, values, IMAGES));
      store(node.output);
    }
    const logits = new TrainableNetwork(model, grids, IMAGES).forward(images, IMAGES);
    const step = grids.get(model.output)?.scale as number;
    const expected = values.get(model.output) as Float32Array;
    // A float32 sum in another order may round to the neighbouring step here and there; nothing more.
    logits.forEach((logit, index) => {
      expect(Math.abs(logit - expected[index])).toBeLessThan(2.5 * step);
    });
    const equal = logits.filter((logit, index) => Math.abs(logit - expected[index]) < 0.01 * step).length;
    expect(equal).toBeGreaterThan(0.8 * logits.length);
  });
});
