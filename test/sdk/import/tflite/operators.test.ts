/** Every operator, alone in a model, against its reference kernel written out literally. */
import { importTflite } from "@sluice/sdk/import/tflite";
import { createReference } from "@sluice/sdk/reference";
import { describe, expect, it } from "vitest";
import { type SeededRandom, seededRandom } from "../../../support/seeded-random.js";
import {
  buildTflite,
  convolutionOptions,
  depthwiseOptions,
  type OperatorSpec,
  poolOptions,
  type TensorSpec,
} from "../../../support/tflite-builder.js";
import {
  applyMultiplier,
  at,
  axis,
  clamp,
  literalMultiplier,
  type Map3,
  multiplyByQuantizedMultiplier,
  type Quantization,
} from "../../../support/tflite-kernels.js";

const types = ["INT8", "UINT8"] as const;
type EightBit = (typeof types)[number];
const limits: Record<EightBit, readonly [number, number]> = { INT8: [-128, 127], UINT8: [0, 255] };

function quantization(random: SeededRandom, type: EightBit): Quantization {
  return { scale: Math.fround(0.01 + random.next()), zeroPoint: random.integer(...limits[type]) };
}

function activation(name: string, type: EightBit, shape: readonly number[], q: Quantization): TensorSpec {
  return { name, type, shape, scales: [q.scale], zeroPoints: [q.zeroPoint] };
}

function bytes(random: SeededRandom, type: EightBit, length: number): Int8Array | Uint8Array {
  const values = Array.from({ length }, () => random.integer(...limits[type]));
  return type === "INT8" ? Int8Array.from(values) : Uint8Array.from(values);
}

/** Runs a model whose tensor 0 is the input and tensor 1 the output. */
function run(
  tensors: readonly TensorSpec[],
  operator: Omit<OperatorSpec, "outputs">,
  input: Int8Array | Uint8Array,
) {
  const model = buildTflite({
    tensors,
    operators: [{ ...operator, outputs: [1] }],
    inputs: [0],
    outputs: [1],
  });
  const graph = importTflite(model, { file: "single.tflite" });
  expect(graph.tensors[graph.output].name).toBe(tensors[1].name);
  return [...createReference(graph).run(input).output];
}

/** Requantised and clamped as the kernels end. */
function requantized(acc: bigint, real: number, { zeroPoint }: Quantization, type: EightBit, relu: boolean) {
  const [min, max] = limits[type];
  return clamp(
    Number(multiplyByQuantizedMultiplier(acc, real)) + zeroPoint,
    relu ? Math.max(min, zeroPoint) : min,
    max,
  );
}

describe.each(types)("operators on %s", (type) => {
  it.each([
    { name: "plain", kernel: [3, 3], stride: [1, 1], dilation: [1, 1], valid: false },
    { name: "asymmetric SAME with stride 2", kernel: [3, 2], stride: [2, 2], dilation: [1, 1], valid: false },
    { name: "dilated", kernel: [2, 3], stride: [1, 1], dilation: [2, 3], valid: false },
    { name: "VALID with leftover columns", kernel: [3, 3], stride: [2, 3], dilation: [1, 1], valid: true },
    {
      name: "kernel smaller than the stride",
      kernel: [1, 1],
      stride: [2, 2],
      dilation: [1, 1],
      valid: false,
    },
  ] as const)("CONV_2D: $name", ({ kernel, stride, dilation, valid }) => {
    const random = seededRandom(0xc0de + kernel[0] * 16 + stride[1]);
    for (const groups of [1, 2]) {
      const channels = 4;
      const outputs = 6;
      const [q, p] = [quantization(random, type), quantization(random, type)];
      const rows = axis(8, kernel[0], stride[0], dilation[0], valid);
      const columns = axis(9, kernel[1], stride[1], dilation[1], valid);
      const perChannel = type === "INT8";
      const weightScales = Array.from({ length: perChannel ? outputs : 1 }, () =>
        Math.fround(0.001 + random.next() / 50),
      );
      const weightZero = perChannel ? 0 : random.integer(0, 255);
      const filterShape = [outputs, kernel[0], kernel[1], channels / groups];
      const weights = bytes(random, type, outputs * kernel[0] * kernel[1] * (channels / groups));
      const bias = Int32Array.from({ length: outputs }, () => random.integer(-5000, 5000));
      const data = bytes(random, type, 8 * 9 * channels);
      const input: Map3 = { height: 8, width: 9, channels, data };
      const expected: number[] = [];
      for (let y = 0; y < rows.size; y += 1) {
        for (let x = 0; x < columns.size; x += 1) {
          for (let o = 0; o < outputs; o += 1) {
            let acc = BigInt(bias[o]);
            for (let ky = 0; ky < kernel[0]; ky += 1) {
              for (let kx = 0; kx < kernel[1]; kx += 1) {
                for (let c = 0; c < channels / groups; c += 1) {
                  const channel = Math.floor(o / (outputs / groups)) * (channels / groups) + c;
                  const iy = y * stride[0] - rows.before + ky * dilation[0];
                  const ix = x * stride[1] - columns.before + kx * dilation[1];
                  const value = at(input, iy, ix, channel);
                  if (value === undefined) continue;
                  const index = ((o * kernel[0] + ky) * kernel[1] + kx) * (channels / groups) + c;
                  acc += BigInt(value - q.zeroPoint) * BigInt(weights[index] - weightZero);
                }
              }
            }
            const weightScale = weightScales[perChannel ? o : 0];
            const product = perChannel ? q.scale * weightScale : Math.fround(q.scale * weightScale);
            expected.push(requantized(acc, product / p.scale, p, type, true));
          }
        }
      }
      const actual = run(
        [
          activation("in", type, [1, 8, 9, channels], q),
          activation("out", type, [1, rows.size, columns.size, outputs], p),
          {
            name: "w",
            type,
            shape: filterShape,
            scales: weightScales,
            zeroPoints: weightScales.map(() => weightZero),
            data: weights,
          },
          { name: "b", type: "INT32", shape: [outputs], data: bias },
        ],
        {
          op: "CONV_2D",
          inputs: [0, 2, 3],
          ...convolutionOptions({ valid, stride, dilation, activation: 1 }),
        },
        data,
      );
      expect(actual).toEqual(expected);
    }
  });

  it("DEPTHWISE_CONV_2D with a depth multiplier, without a bias", () => {
    const random = seededRandom(0xdeb);
    const [channels, multiplier] = [3, 2];
    const outputs = channels * multiplier;
    const [q, p] = [quantization(random, type), quantization(random, type)];
    const rows = axis(7, 3, 2, 1, false);
    const columns = axis(6, 3, 2, 1, false);
    const weightScales =
      type === "INT8"
        ? Array.from({ length: outputs }, () => Math.fround(random.next() / 50))
        : [Math.fround(0.013)];
    const weightZero = type === "INT8" ? 0 : 131;
    const weights = bytes(random, type, 9 * outputs);
    const data = bytes(random, type, 7 * 6 * channels);
    const input: Map3 = { height: 7, width: 6, channels, data };
    const expected: number[] = [];
    for (let y = 0; y < rows.size; y += 1) {
      for (let x = 0; x < columns.size; x += 1) {
        for (let o = 0; o < outputs; o += 1) {
          let acc = 0n;
          for (let tap = 0; tap < 9; tap += 1) {
            const iy = y * 2 - rows.before + Math.floor(tap / 3);
            const value = at(input, iy, x * 2 - columns.before + (tap % 3), Math.floor(o / multiplier));
            if (value === undefined) continue;
            acc += BigInt(value - q.zeroPoint) * BigInt(weights[tap * outputs + o] - weightZero);
          }
          const scale = weightScales[type === "INT8" ? o : 0];
          const product = type === "INT8" ? q.scale * scale : Math.fround(q.scale * scale);
          expected.push(requantized(acc, product / p.scale, p, type, false));
        }
      }
    }
    const actual = run(
      [
        activation("in", type, [1, 7, 6, channels], q),
        activation("out", type, [1, rows.size, columns.size, outputs], p),
        {
          name: "w",
          type,
          shape: [1, 3, 3, outputs],
          scales: weightScales,
          zeroPoints: weightScales.map(() => weightZero),
          quantizedDimension: 3,
          data: weights,
        },
      ],
      { op: "DEPTHWISE_CONV_2D", inputs: [0, 2, -1], ...depthwiseOptions({ stride: [2, 2], multiplier }) },
      data,
    );
    expect(actual).toEqual(expected);
  });

  it("FULLY_CONNECTED on an unflattened input, with the float32 product of the scales", () => {
    const random = seededRandom(0xfc);
    const [q, p] = [quantization(random, type), quantization(random, type)];
    const weightScale = Math.fround(0.0173);
    const weightZero = type === "INT8" ? 0 : 77;
    const weights = bytes(random, type, 5 * 24);
    const bias = Int32Array.from({ length: 5 }, () => random.integer(-9000, 9000));
    const data = bytes(random, type, 24);
    const expected = Array.from({ length: 5 }, (_, o) => {
      let acc = BigInt(bias[o]);
      data.forEach((value, i) => {
        acc += BigInt(value - q.zeroPoint) * BigInt(weights[o * 24 + i] - weightZero);
      });
      return requantized(acc, Math.fround(q.scale * weightScale) / p.scale, p, type, false);
    });
    const actual = run(
      [
        activation("in", type, [1, 2, 3, 4], q),
        activation("out", type, [1, 5], p),
        { name: "w", type, shape: [5, 24], scales: [weightScale], zeroPoints: [weightZero], data: weights },
        { name: "b", type: "INT32", shape: [5], data: bias },
      ],
      { op: "FULLY_CONNECTED", inputs: [0, 2, 3], optionsType: 8, options: [[0, "int8", 0]] },
      data,
    );
    expect(actual).toEqual(expected);
  });

  it("ADD", () => {
    const random = seededRandom(0xadd);
    for (let round = 0; round < 20; round += 1) {
      const [a, p] = [quantization(random, type), quantization(random, type)];
      const data = bytes(random, type, 4 * 4 * 3);
      // Both operands are the one input; a second quantisation comes from the requantisation below.
      const real = a.scale / (2 * a.scale);
      const expected = [...data].map((value) => {
        const scaled = multiplyByQuantizedMultiplier(BigInt(value - a.zeroPoint) * 2n ** 20n, real);
        return requantized(2n * scaled, (2 * a.scale) / (2 ** 20 * p.scale), p, type, true);
      });
      const actual = run(
        [activation("in", type, [1, 4, 4, 3], a), activation("out", type, [1, 4, 4, 3], p)],
        { op: "ADD", inputs: [0, 0], optionsType: 11, options: [[0, "int8", 1]] },
        data,
      );
      expect(actual).toEqual(expected);
    }
  });

  it("QUANTIZE, then ADD of two different scales", () => {
    const random = seededRandom(0xadd2);
    const [a, b, p] = [quantization(random, type), quantization(random, type), quantization(random, type)];
    const data = bytes(random, type, 64);
    const twice = 2 * Math.max(a.scale, b.scale);
    const expected = [...data].map((value) => {
      const other = requantized(BigInt(value - a.zeroPoint), a.scale / b.scale, b, type, false);
      const left = multiplyByQuantizedMultiplier(BigInt(value - a.zeroPoint) * 2n ** 20n, a.scale / twice);
      const right = multiplyByQuantizedMultiplier(BigInt(other - b.zeroPoint) * 2n ** 20n, b.scale / twice);
      return requantized(left + right, twice / (2 ** 20 * p.scale), p, type, false);
    });
    const graph = importTflite(
      buildTflite({
        tensors: [
          activation("in", type, [1, 4, 4, 4], a),
          activation("out", type, [1, 4, 4, 4], p),
          activation("other", type, [1, 4, 4, 4], b),
        ],
        operators: [
          { op: "QUANTIZE", inputs: [0], outputs: [2] },
          { op: "ADD", inputs: [0, 2], outputs: [1] },
        ],
        inputs: [0],
        outputs: [1],
      }),
      { file: "add.tflite" },
    );
    expect([...createReference(graph).run(data).output]).toEqual(expected);
  });

  it.each([0, 1, 3])("MAX_POOL_2D and AVERAGE_POOL_2D with SAME padding, activation %i", (activationCode) => {
    const random = seededRandom(0xb001 + activationCode);
    const q = { scale: Math.fround(0.05), zeroPoint: type === "INT8" ? -20 : 100 };
    const data = bytes(random, type, 5 * 7 * 3);
    const input: Map3 = { height: 5, width: 7, channels: 3, data };
    const rows = axis(5, 2, 2, 1, false);
    const columns = axis(7, 3, 2, 1, false);
    const [min, max] = limits[type];
    const low = activationCode === 0 ? min : q.zeroPoint;
    const high =
      activationCode === 3 ? Math.min(max, q.zeroPoint + Math.round(Math.fround(6 / q.scale))) : max;
    for (const op of ["MAX_POOL_2D", "AVERAGE_POOL_2D"] as const) {
      const expected: number[] = [];
      for (let y = 0; y < rows.size; y += 1) {
        for (let x = 0; x < columns.size; x += 1) {
          for (let c = 0; c < 3; c += 1) {
            const values: number[] = [];
            for (let tap = 0; tap < 6; tap += 1) {
              const iy = y * 2 - rows.before + Math.floor(tap / 3);
              const value = at(input, iy, x * 2 - columns.before + (tap % 3), c);
              if (value !== undefined) values.push(value);
            }
            const sum = values.reduce((total, value) => total + value, 0);
            const half = Math.trunc(values.length / 2);
            // Adding 0 turns -0 into 0.
            const mean = Math.trunc((sum > 0 ? sum + half : sum - half) / values.length) + 0;
            expected.push(clamp(op === "MAX_POOL_2D" ? Math.max(...values) : mean, low, high));
          }
        }
      }
      const actual = run(
        [
          activation("in", type, [1, 5, 7, 3], q),
          activation("out", type, [1, rows.size, columns.size, 3], q),
        ],
        { op, inputs: [0], ...poolOptions({ filter: [2, 3], stride: [2, 2], activation: activationCode }) },
        data,
      );
      expect(actual).toEqual(expected);
    }
  });

  it.each(["RELU", "RELU6", "RELU_N1_TO_1"] as const)(
    "%s with and without a change of quantisation",
    (op) => {
      const random = seededRandom(op.length);
      const q = { scale: Math.fround(0.047), zeroPoint: type === "INT8" ? -3 : 120 };
      for (const p of [q, { scale: Math.fround(0.031), zeroPoint: q.zeroPoint + 2 }]) {
        const data = bytes(random, type, 48);
        const bounds = { RELU: [0, Infinity], RELU6: [0, 6], RELU_N1_TO_1: [-1, 1] }[op];
        const stored = (real: number) => {
          const steps = Math.fround(real / p.scale);
          return p.zeroPoint + Math.sign(steps) * Math.round(Math.abs(steps));
        };
        const [min, max] = limits[type];
        const expected = [...data].map((value) => {
          const real = Math.fround(q.scale / p.scale);
          const scaled =
            Number(multiplyByQuantizedMultiplier(BigInt(value - q.zeroPoint), real)) + p.zeroPoint;
          return clamp(scaled, Math.max(min, stored(bounds[0])), Math.min(max, stored(bounds[1])));
        });
        const actual = run(
          [activation("in", type, [1, 4, 4, 3], q), activation("out", type, [1, 4, 4, 3], p)],
          { op, inputs: [0] },
          data,
        );
        expect(actual).toEqual(expected);
      }
    },
  );

  it("MEAN over height and width with one combined multiplier", () => {
    const random = seededRandom(0x3ea);
    const [q, p] = [quantization(random, type), quantization(random, type)];
    const data = bytes(random, type, 5 * 3 * 4);
    const { multiplier, shift } = literalMultiplier(q.scale / p.scale);
    // 15 elements: floor(log2 15) = 3.
    const combined = (multiplier << 3n) / 15n;
    const [min, max] = limits[type];
    const expected = Array.from({ length: 4 }, (_, c) => {
      let acc = 0n;
      for (let i = c; i < data.length; i += 4) acc += BigInt(data[i] - q.zeroPoint);
      return clamp(Number(applyMultiplier(acc, combined, shift - 3)) + p.zeroPoint, min, max);
    });
    const actual = run(
      [
        activation("in", type, [1, 5, 3, 4], q),
        activation("out", type, [1, 4], p),
        { name: "axes", type: "INT32", shape: [2], data: Int32Array.of(1, 2) },
      ],
      { op: "MEAN", inputs: [0, 2] },
      data,
    );
    expect(actual).toEqual(expected);
  });

  it("PAD writes the zero point, CONCATENATION and RESHAPE move integers", () => {
    const random = seededRandom(0x9ad);
    const q = quantization(random, type);
    const data = bytes(random, type, 2 * 2 * 3);
    const graph = importTflite(
      buildTflite({
        tensors: [
          activation("in", type, [1, 2, 2, 3], q),
          activation("out", type, [1, 72], q),
          activation("padded", type, [1, 3, 4, 3], q),
          activation("both", type, [1, 3, 4, 6], q),
          { name: "pads", type: "INT32", shape: [4, 2], data: Int32Array.of(0, 0, 1, 0, 0, 2, 0, 0) },
        ],
        operators: [
          { op: "PAD", inputs: [0, 4], outputs: [2] },
          { op: "CONCATENATION", inputs: [2, 2], outputs: [3], optionsType: 10, options: [[0, "int32", 3]] },
          { op: "RESHAPE", inputs: [3], outputs: [1] },
        ],
        inputs: [0],
        outputs: [1],
      }),
      { file: "moves.tflite" },
    );
    const expected: number[] = [];
    for (let y = -1; y < 2; y += 1) {
      for (let x = 0; x < 4; x += 1) {
        for (const c of [0, 1, 2, 0, 1, 2]) {
          expected.push(at({ height: 2, width: 2, channels: 3, data }, y, x, c) ?? q.zeroPoint);
        }
      }
    }
    expect([...createReference(graph).run(data).output]).toEqual(expected);
  });
});
