/** Seeded random QONNX files: small networks with the operators, storage quirks and scales the importer must take. */
import { type AttributeValue, OnnxBuilder, type QuantSpec } from "./onnx-builder.js";
import type { SeededRandom } from "./seeded-random.js";

export interface RandomQonnx {
  readonly bytes: Uint8Array;
  /** [1, channels, height, width] */
  readonly dims: readonly [number, number, number, number];
}

interface Activation {
  readonly name: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** log2 of the scale. */
  readonly exponent: number;
  /** An odd zero point cannot be kept exact behind this: averages and per-channel accumulators. */
  readonly evenOnly?: boolean;
}

export function randomQonnx(random: SeededRandom): RandomQonnx {
  const builder = new OnnxBuilder(random.pick(["onnx.brevitas", "qonnx.custom_op.general"]));
  const maker = new Maker(builder, random);
  const dims = [1, random.integer(1, 4), random.integer(4, 9), random.integer(4, 9)] as const;
  let at = maker.quant(
    { name: "input", channels: dims[1], height: dims[2], width: dims[3], exponent: 0 },
    -6,
    false,
  );
  const steps = random.integer(1, 4);
  for (let step = 0; step < steps; step += 1) at = maker.step(at);
  const output = random.chance(0.6) ? maker.classifier(at) : at.name;
  return { bytes: builder.build(output, dims), dims };
}

class Maker {
  constructor(
    private readonly builder: OnnxBuilder,
    private readonly random: SeededRandom,
  ) {}

  step(at: Activation): Activation {
    const { random, builder } = this;
    switch (random.integer(0, 8)) {
      case 0: {
        const pooled = this.pool(at, "MaxPool", {});
        return random.chance() ? this.quant(pooled) : pooled;
      }
      case 1:
        return this.quant({
          ...this.pool(at, "AveragePool", { count_include_pad: random.integer(0, 1) }),
          evenOnly: true,
        });
      case 2: {
        const branch = this.quant(this.convolution(at, { same: true, outputs: at.channels }));
        const exponent = Math.min(at.exponent, branch.exponent);
        const sum = { ...at, name: builder.node("Add", [at.name, branch.name]), exponent };
        return this.quant(random.chance() ? { ...sum, name: builder.node("Relu", [sum.name]) } : sum);
      }
      case 3: {
        const other = this.quant(at, at.exponent + random.integer(-1, 1), false);
        const joined = builder.node("Concat", [at.name, other.name], { axis: 1 });
        const exponent = Math.min(at.exponent, other.exponent);
        return this.quant({ ...at, name: joined, channels: 2 * at.channels, exponent });
      }
      case 4: {
        const [top, left, bottom, right] = [0, 0, 0, 0].map(() => random.integer(0, 2));
        const amounts = builder.constant([0, 0, top, left, 0, 0, bottom, right], [8], "int64");
        const padded = {
          ...at,
          name: builder.node("Pad", [at.name, amounts], { mode: "constant" }),
          height: at.height + top + bottom,
          width: at.width + left + right,
        };
        return this.quant(this.convolution(padded, {}));
      }
      case 5: {
        const step = 2 ** at.exponent;
        const bounds = [-random.integer(0, 60) * step, random.integer(1, 60) * step];
        const inputs = [at.name, ...bounds.map((bound) => builder.constant([bound], []))];
        const clipped = { ...at, name: builder.node("Clip", inputs) };
        return random.chance() ? { ...clipped, name: builder.node("Identity", [clipped.name]) } : clipped;
      }
      default: {
        const accumulator = this.convolution(at, {});
        if (random.chance()) return this.quant(accumulator);
        const first = random.chance()
          ? accumulator
          : this.quant(accumulator, accumulator.exponent + 6, false);
        return this.quant({ ...first, name: builder.node("Relu", [first.name]) });
      }
    }
  }

  /** Flat logits from a picture, by Gemm or MatMul, with or without pooling to 1x1. */
  classifier(at: Activation): string {
    const { random, builder } = this;
    const pooled = random.chance()
      ? { ...at, name: builder.node("GlobalAveragePool", [at.name]), height: 1, width: 1 }
      : at;
    const quantFirst = pooled === at || random.chance();
    const ready = quantFirst ? this.quant(pooled, at.exponent, false) : pooled;
    const flat = random.chance()
      ? builder.node("Flatten", [ready.name], { axis: 1 })
      : builder.node("Reshape", [ready.name, builder.constant([1, -1], [2], "int64")]);
    const row = quantFirst
      ? { ...ready, name: flat }
      : this.quant({ ...ready, name: flat }, at.exponent, false);
    const length = ready.channels * ready.height * ready.width;
    const outputs = random.integer(2, 6);
    const bias = this.bias(outputs, row.exponent - 5);
    let logits: string;
    const form = random.pick(["gemm", "transposed", "plain"]);
    if (form === "gemm") {
      logits = builder.node("Gemm", [row.name, this.weights([outputs, length], 5), bias], { transB: 1 });
    } else if (form === "transposed") {
      const matrix = builder.node("Transpose", [this.weights([outputs, length], 5)], { perm: [1, 0] });
      logits = builder.node("Add", [builder.node("MatMul", [row.name, matrix]), bias]);
    } else {
      logits = builder.node("MatMul", [row.name, this.weights([length, outputs], 5)]);
    }
    return builder.quant(logits, { scale: 2 ** (row.exponent - random.integer(0, 3)) });
  }

  /** A Quant a few bits away from the value's own grid, sometimes with a zero point. */
  quant(at: Activation, exponent = at.exponent + this.random.integer(-1, 6), mayShift = true): Activation {
    const { random } = this;
    const signed = mayShift ? random.chance(0.7) : true;
    const spec: QuantSpec = {
      scale: 2 ** exponent,
      bits: mayShift ? random.pick([8, 8, 8, 5, 3]) : 8,
      signed,
      narrow: random.chance(0.2),
      zeroPoint: 0,
    };
    const zeroPoint = mayShift && random.chance(0.3) ? random.integer(0, at.evenOnly ? 1 : 3) : 0;
    const shifted = { ...spec, zeroPoint: at.evenOnly ? 2 * zeroPoint : zeroPoint };
    return { ...at, name: this.builder.quant(at.name, shifted), exponent, evenOnly: false };
  }

  private convolution(at: Activation, options: { same?: boolean; outputs?: number }): Activation {
    const { random, builder } = this;
    const { channels, height, width } = at;
    const groups = random.pick([1, 1, channels, channels % 2 === 0 ? 2 : 1]);
    const multiple = random.integer(1, 3);
    const outputs = options.outputs ?? groups * multiple;
    const usedGroups = outputs % groups === 0 ? groups : 1;
    const size = () => (options.same ? 3 : random.integer(1, 3));
    const kernel = [size(), size()];
    const strides = options.same ? [1, 1] : [random.integer(1, 2), random.integer(1, 2)];
    const dilations = options.same ? [1, 1] : [random.integer(1, 2), random.integer(1, 2)];
    const auto = options.same || random.chance(0.2) ? random.pick(["SAME_UPPER", "SAME_LOWER"]) : "NOTSET";
    // Enough padding for the widest dilated kernel on a small picture.
    const pads = [0, 1, 2, 3].map((side) =>
      random.integer([height, width][side % 2] < 5 ? 2 : 0, [height, width][side % 2] < 5 ? 3 : 2),
    );
    const shift = random.integer(3, 7);
    const perChannel = random.chance(0.3);
    const weights = this.weights([outputs, channels / usedGroups, kernel[0], kernel[1]], shift, perChannel);
    const inputs = [at.name, weights];
    if (random.chance(0.7)) inputs.push(this.bias(outputs, at.exponent - shift));
    const window: Record<string, AttributeValue> = auto === "NOTSET" ? { pads } : { auto_pad: auto };
    const name = builder.node("Conv", inputs, {
      kernel_shape: kernel,
      strides,
      dilations,
      group: usedGroups,
      ...window,
    });
    const extent = (axis: number) => {
      const input = [height, width][axis];
      if (auto !== "NOTSET") return Math.ceil(input / strides[axis]);
      const covered = (kernel[axis] - 1) * dilations[axis] + 1;
      return Math.floor((input + pads[axis] + pads[axis + 2] - covered) / strides[axis]) + 1;
    };
    const exponent = at.exponent - shift;
    return { name, channels: outputs, height: extent(0), width: extent(1), exponent, evenOnly: perChannel };
  }

  /** Quantised weights: floats on or off the grid, or integers in an int8 tensor; one scale or one per output. */
  private weights(dims: readonly number[], shift: number, perChannel = false): string {
    const { random, builder } = this;
    const count = dims.reduce((product, size) => product * size, 1);
    const bits = random.pick([8, 8, 6, 4]);
    const exponents = Array.from(
      { length: perChannel ? dims[0] : 1 },
      () => -shift - (perChannel ? random.integer(0, 3) : 0),
    );
    const scale = exponents.map((exponent) => 2 ** exponent);
    const spec: QuantSpec = { scale, scaleDims: perChannel ? [dims[0], 1, 1, 1] : [], bits, narrow: true };
    const largest = 2 ** (bits - 1) - 1;
    const integers = Array.from({ length: count }, () => random.integer(-largest, largest));
    if (random.chance(0.3)) return builder.quant(builder.constant(integers, dims, "int8"), spec);
    const offGrid = random.chance() ? () => random.integer(-40, 40) / 64 : () => 0;
    const inner = count / dims[0];
    const values = integers.map(
      (value, index) => (value + offGrid()) * scale[perChannel ? Math.floor(index / inner) : 0],
    );
    const constant = random.chance(0.8) ? builder.constant(values, dims) : builder.constantNode(values, dims);
    return builder.quant(constant, spec);
  }

  /** On a grid as fine as, finer or coarser than the products'; sometimes plain floats on that grid. */
  private bias(outputs: number, productExponent: number): string {
    const { random, builder } = this;
    const scale = 2 ** (productExponent + random.integer(-3, 3));
    const values = Array.from({ length: outputs }, () => (random.integer(-4000, 4000) / 8) * scale);
    const onGrid = values.map((value) => Math.round(value / scale) * scale);
    if (random.chance(0.2)) return builder.constant(onGrid);
    return builder.quant(builder.constant(values), { scale, bits: random.pick([16, 32]) });
  }

  private pool(at: Activation, op: string, more: Readonly<Record<string, number>>): Activation {
    const { random, builder } = this;
    const kernel = [Math.min(at.height, random.integer(1, 3)), Math.min(at.width, random.integer(1, 3))];
    const strides = [random.integer(1, 3), random.integer(1, 3)];
    const pads = [0, 1, 2, 3].map((side) => (random.chance(0.4) ? Math.floor(kernel[side % 2] / 2) : 0));
    const ceil = random.chance(0.4) && more.count_include_pad !== 1 ? 1 : 0;
    const attributes = { kernel_shape: kernel, strides, pads, ceil_mode: ceil, ...more };
    const extent = (axis: number) => {
      const input = [at.height, at.width][axis];
      const quotient = (input + pads[axis] + pads[axis + 2] - kernel[axis]) / strides[axis];
      const count = (ceil ? Math.ceil(quotient) : Math.floor(quotient)) + 1;
      return (count - 1) * strides[axis] >= input + pads[axis] ? count - 1 : count;
    };
    return { ...at, name: builder.node(op, [at.name], attributes), height: extent(0), width: extent(1) };
  }
}
