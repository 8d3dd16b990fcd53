/** Random layers for codec tests: odd shapes, and the distributions weights really have. */
import type { LayerWeights, WeightLayout } from "@sluice/sdk/codec";

export type Random = () => number;

/** The distributions a codec meets: name, and a weight from a random source. */
export const distributions: Record<string, (random: Random) => number> = {
  zero: () => 0,
  constant: () => -77,
  lowest: () => -128,
  ternary: (random) => Math.floor(random() * 3) - 1,
  binary: (random) => (random() < 0.5 ? -1 : 1),
  sparse: (random) => (random() < 0.95 ? 0 : Math.floor(random() * 255) - 127),
  narrow: (random) => Math.round((random() + random() + random() - 1.5) * 3),
  gaussian: (random) => Math.round((random() + random() + random() + random() - 2) * 60),
  shifted: (random) => 60 + Math.round((random() + random() + random() - 1.5) * 40),
  powers: (random) => (random() < 0.5 ? 1 : -1) * 2 ** Math.floor(random() * 7),
  uniform: (random) => Math.floor(random() * 256) - 128,
};

export function randomLayout(random: Random, most = 40): WeightLayout {
  const pick = (limit: number): number => 1 + Math.floor(random() * limit);
  const kernel = [1, 1, 3, 3, 5, 2][Math.floor(random() * 6)];
  return {
    outputs: pick(most),
    inputs: random() < 0.25 ? 1 : pick(most / kernel),
    kernelHeight: kernel,
    kernelWidth: random() < 0.2 ? pick(3) : kernel,
    outputTile: [1, 4, 8, 16, 16, 32][Math.floor(random() * 6)],
  };
}

export function randomLayer(
  random: Random,
  distribution?: string,
  layout = randomLayout(random),
): LayerWeights {
  const names = Object.keys(distributions);
  const name = distribution ?? names[Math.floor(random() * names.length)];
  const count = layout.outputs * layout.inputs * layout.kernelHeight * layout.kernelWidth;
  // Channels of different scale, as real layers have.
  const scales = Array.from({ length: 7 }, () => 0.3 + random());
  const mixed = random() < 0.5;
  const weights = Int8Array.from({ length: count }, (_, index) => {
    const weight = distributions[name](random);
    const scaled = mixed ? Math.round(weight * scales[index % 7]) : weight;
    return Math.min(Math.max(scaled, -128), 127);
  });
  return random() < 0.3 ? withDeadChannels({ name, layout, weights }, random) : { name, layout, weights };
}

/** The layer with about half of its channels pruned away, which changes it. */
export function withDeadChannels(layer: LayerWeights, random: Random): LayerWeights {
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layer.layout;
  const [outputAlive, inputAlive] = [outputs, inputs].map((count) =>
    Array.from({ length: count }, () => random() < 0.5),
  );
  let at = 0;
  for (let first = 0; first < outputs; first += outputTile) {
    const end = Math.min(first + outputTile, outputs);
    for (let row = 0; row < inputs * kernelHeight * kernelWidth; row += 1) {
      for (let output = first; output < end; output += 1, at += 1) {
        if (!outputAlive[output] || !inputAlive[row % inputs]) layer.weights[at] = 0;
      }
    }
  }
  return layer;
}
