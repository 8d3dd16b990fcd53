/** Scales and biases as they are counted: the stream gives exactly the rounded numbers back. */
import {
  coarseSide,
  decodeSideInformation,
  encodeSideInformation,
  exactSide,
  preciseSide,
  type ScalesAndBiases,
} from "@sluice/sdk/quantize";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

function randomLayers(seed: number, shared: boolean): ScalesAndBiases[] {
  const random = seededRandom(seed);
  return Array.from({ length: 6 }, () => {
    const outputs = 1 + Math.floor(random.next() * 40);
    const spread = 10 ** (4 * random.next() - 3);
    const first = spread * (0.2 + random.next());
    return {
      scale: Float64Array.from({ length: outputs }, () => (shared ? first : spread * (0.2 + random.next()))),
      bias: Float64Array.from({ length: outputs }, () => 3 * (random.next() - 0.4)),
    };
  });
}

const outputsOf = (layers: readonly ScalesAndBiases[]) => layers.map(({ scale }) => scale.length);

describe("side information", () => {
  it.each([1, 2, 3, 4])("comes back exactly, coarse, precise and as powers of two (seed %i)", (seed) => {
    for (const shared of [false, true]) {
      for (const side of [coarseSide, preciseSide, exactSide]) {
        const layers = randomLayers(seed, shared).map(({ scale, bias }) => ({
          scale: side === exactSide ? scale.map((s) => 2 ** Math.round(Math.log2(s))) : scale.map(side.scale),
          bias: side.bias(bias),
        }));
        const bytes = encodeSideInformation(layers);
        expect(decodeSideInformation(bytes, outputsOf(layers))).toEqual(layers);
      }
    }
  });

  it("coarse rounding is near and costs at most two bytes a channel", () => {
    const layers = randomLayers(5, false);
    const coarse = layers.map(({ scale, bias }) => ({
      scale: scale.map(coarseSide.scale),
      bias: coarseSide.bias(bias),
    }));
    let channels = 0;
    layers.forEach(({ scale, bias }, index) => {
      channels += scale.length;
      const rms = Math.sqrt(bias.reduce((sum, value) => sum + value ** 2, 0) / bias.length);
      scale.forEach((value, o) => {
        expect(Math.abs(coarse[index].scale[o] / value - 1)).toBeLessThan(0.0444);
        expect(Math.abs(coarse[index].bias[o] - bias[o])).toBeLessThanOrEqual(rms / 32 + 1e-12);
      });
    });
    expect((8 * encodeSideInformation(coarse).length) / channels).toBeLessThan(16);
  });

  it("refuses numbers that it would not give back", () => {
    const layer = { scale: Float64Array.of(Math.PI, 1), bias: Float64Array.of(0, 0) };
    expect(() => encodeSideInformation([layer])).toThrowError(/more digits/);
    const bias = { scale: Float64Array.of(1), bias: Float64Array.of(0.1) };
    expect(() => encodeSideInformation([bias])).toThrowError(/more digits/);
  });

  it("layers without biases and cut streams", () => {
    const layers = [{ scale: Float64Array.of(0.5, 0.25), bias: new Float64Array(2) }];
    const bytes = encodeSideInformation(layers);
    expect(decodeSideInformation(bytes, [2])).toEqual(layers);
    expect(() => decodeSideInformation(bytes.subarray(0, 2), [2])).toThrowError(/ends early/);
  });
});
