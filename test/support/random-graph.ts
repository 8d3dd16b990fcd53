/**
 * Seeded random integer graphs: small, but with everything a compiler must get right. Three dialects:
 * - `qonnx`   zero points 0, power-of-two scales, half-even, chained and forked requantisations
 * - `int8`    TFLite int8: zero points, per-channel multipliers, two roundings, additions with left shift 20
 * - `uint8`   TFLite uint8: 0..255, weight zero points, per-tensor multipliers
 */
import type { Graph, RoundingStage, TensorId, Window } from "@sluice/sdk/graph";
import { elementCount, isEightBit, windowOutputShape } from "@sluice/sdk/graph";
import { GraphBuilder, type Quantization } from "./graph-builder.js";
import { type SeededRandom, seededRandom } from "./seeded-random.js";

export type Dialect = "qonnx" | "int8" | "uint8";

export interface RandomGraphOptions {
  /** Default: drawn from the seed. */
  readonly dialect?: Dialect;
  /** Blocks between input and classifier. Default 2..5. */
  readonly blocks?: number;
  /** Largest height and width of the input. Default 17. */
  readonly maxSize?: number;
  /** Largest channel count. Default 40. */
  readonly maxChannels?: number;
  /** Blocks to draw from; default all. */
  readonly kinds?: readonly BlockKind[];
}

export type BlockKind =
  | "convolution"
  | "depthwise"
  | "grouped"
  | "residual"
  | "forked"
  | "concat"
  | "max-pool"
  | "average-pool"
  | "pad";

const allKinds: readonly BlockKind[] = [
  "convolution",
  "depthwise",
  "grouped",
  "residual",
  "forked",
  "concat",
  "max-pool",
  "average-pool",
  "pad",
];

/** The same seed and options give the same graph. */
export function randomGraph(seed: number, options: RandomGraphOptions = {}): Graph {
  const random = seededRandom(seed);
  const dialect = options.dialect ?? random.pick<Dialect>(["qonnx", "int8", "uint8"]);
  const size = () => random.integer(1, options.maxSize ?? 17);
  const channels = random.pick([1, 3, random.integer(1, options.maxChannels ?? 40)]);
  const builder = new GraphBuilder({
    shape: [size(), size(), Math.min(channels, options.maxChannels ?? 40)],
    ...storage(dialect, random, true),
  });
  const maker = new BlockMaker(builder, random, dialect, options.maxChannels ?? 40);
  let at: TensorId = 0;
  const blocks = options.blocks ?? random.integer(2, 5);
  for (let block = 0; block < blocks; block += 1) {
    at = maker.block(random.pick(options.kinds ?? allKinds), at);
  }
  if (random.chance(0.6)) at = maker.classifier(at);
  // A pool may have left the graph without a node.
  if (at === 0) at = maker.block("convolution", at);
  return builder.finish(`random-${dialect}-${seed}`, at);
}

/** Stored integers for the graph's input, from the same seed. */
export function randomInput(graph: Graph, seed: number): Int32Array {
  const random = seededRandom(seed);
  const { shape, min, max } = graph.tensors[graph.input];
  const extreme = random.chance(0.2);
  return Int32Array.from({ length: elementCount(shape) }, () =>
    extreme ? random.pick([min, max]) : random.integer(min, max),
  );
}

interface Storage extends Quantization {
  readonly min: number;
  readonly max: number;
}

function storage(dialect: Dialect, random: SeededRandom, isInput = false): Storage {
  if (dialect === "qonnx") {
    const unsigned = !isInput && random.chance(0.4);
    const bits = random.pick([8, 8, 8, 6, 4]);
    return {
      min: unsigned ? 0 : -(2 ** (bits - 1)),
      max: unsigned ? 2 ** bits - 1 : 2 ** (bits - 1) - 1,
      scale: 2 ** -random.integer(2, 7),
      zeroPoint: 0,
    };
  }
  const low = dialect === "int8" ? -128 : 0;
  const zeroPoint = random.pick([low, low + 128, low + random.integer(0, 255)]);
  return { min: low, max: low + 255, scale: random.integer(1, 1000) / 4096, zeroPoint };
}

class BlockMaker {
  constructor(
    private readonly builder: GraphBuilder,
    private readonly random: SeededRandom,
    private readonly dialect: Dialect,
    private readonly maxChannels: number,
  ) {}

  block(kind: BlockKind, input: TensorId): TensorId {
    const { random } = this;
    switch (kind) {
      case "convolution":
        return this.quantized(this.convolution(input, 1, random.integer(1, this.maxChannels)));
      case "depthwise": {
        const channels = this.builder.tensor(input).shape[2];
        return this.quantized(this.convolution(input, channels, channels));
      }
      case "grouped": {
        const channels = this.builder.tensor(input).shape[2];
        const groups = [2, 3, 4].filter((count) => channels % count === 0);
        if (groups.length === 0) return this.block("convolution", input);
        const count = random.pick(groups);
        return this.quantized(this.convolution(input, count, count * random.integer(1, 6)));
      }
      case "residual":
        return this.residual(input, input);
      case "forked":
        return this.forked(input);
      case "concat": {
        const to = storage(this.dialect, random);
        const sides = Array.from({ length: random.integer(2, 3) }, () =>
          this.requantize(this.same(input, random.integer(1, 12)), to),
        );
        return this.builder.add({ kind: "concat" }, sides);
      }
      case "max-pool":
      case "average-pool":
        return this.pool(kind, input);
      case "pad": {
        const side = () => random.integer(0, 2);
        const padding = { top: side(), bottom: side(), left: side(), right: side() };
        return this.builder.add({ kind: "pad", padding }, [input]);
      }
    }
  }

  /** Global average pool, reshape to a vector, fully connected. */
  classifier(input: TensorId): TensorId {
    const { random, builder } = this;
    const [height, width] = builder.tensor(input).shape;
    const kernel = [height, width] as const;
    const global: Window = { kernel, stride: [1, 1], dilation: [1, 1], padding: noPadding };
    const pooled = random.chance() ? this.average(input, global) : input;
    const count = elementCount(builder.tensor(pooled).shape);
    const flat = builder.add({ kind: "reshape" }, [pooled], undefined, [1, 1, count]);
    return this.quantized(this.convolution(flat, 1, random.integer(2, 12), pointwise));
  }

  /** acc of the block's own convolution, quantised and added to `other` where shapes allow. */
  private residual(input: TensorId, other: TensorId): TensorId {
    const channels = this.builder.tensor(other).shape[2];
    const branch = this.quantized(this.same(input, channels));
    return this.addition(other, branch);
  }

  /** One accumulator quantised in two ways, each with a layer of its own, then added. */
  private forked(input: TensorId): TensorId {
    const { random } = this;
    const accumulator = this.same(input, random.integer(1, 24));
    const first = this.requantize(accumulator, storage(this.dialect, random));
    const second = this.requantize(accumulator, storage(this.dialect, random));
    const other = random.chance() ? second : this.quantized(this.same(second, this.channels(first)));
    return this.addition(first, other);
  }

  private channels(id: TensorId): number {
    return this.builder.tensor(id).shape[2];
  }

  /** Rows and columns stay: odd kernel, stride 1, half padding. */
  private same(input: TensorId, outputs: number): TensorId {
    const half = this.random.integer(0, 1);
    const padding = { top: half, bottom: half, left: half, right: half };
    const size = 2 * half + 1;
    const window: Window = { kernel: [size, size], stride: [1, 1], dilation: [1, 1], padding };
    return this.convolution(input, 1, outputs, window);
  }

  private convolution(input: TensorId, groups: number, outputs: number, fixed?: Window): TensorId {
    const { random, builder } = this;
    const { shape, scale } = builder.tensor(input);
    const window = fixed ?? this.window(input);
    const perOutput = (window.kernel[0] * window.kernel[1] * shape[2]) / groups;
    const weightZeroPoint = this.dialect === "uint8" ? random.integer(0, 255) : 0;
    const sparse = random.chance(0.3);
    const weightBits = this.dialect === "qonnx" ? random.pick([8, 6, 4]) : 8;
    const largest = 2 ** (weightBits - 1) - 1;
    const weights = Int16Array.from({ length: outputs * perOutput }, () => {
      if (this.dialect === "uint8") return random.integer(0, 255);
      return sparse && random.chance(0.8) ? 0 : random.integer(-largest, largest);
    });
    const weightScale = Float64Array.of(2 ** -random.integer(3, 9));
    return builder.add(
      {
        kind: "convolution",
        ...window,
        groups,
        weights,
        weightZeroPoint,
        weightScale,
        weightBits,
        bias: Int32Array.from({ length: outputs }, () => random.integer(-4000, 4000)),
        accumulatorShift: this.dialect === "qonnx" && random.chance(0.1) ? random.integer(1, 3) : 0,
      },
      [input],
      { scale: scale * weightScale[0], zeroPoint: 0 },
    );
  }

  private window(input: TensorId): Window {
    const { random } = this;
    const { shape } = this.builder.tensor(input);
    for (;;) {
      const side = () => random.pick([0, 0, 1, 1, 2]);
      const window: Window = {
        kernel: [random.integer(1, 4), random.integer(1, 4)],
        stride: [random.integer(1, 2), random.integer(1, 2)],
        dilation: random.chance(0.15) ? [2, random.integer(1, 2)] : [1, 1],
        padding: { top: side(), bottom: side(), left: side(), right: side() },
      };
      const [height, width] = windowOutputShape(shape, window, 1);
      if (height > 0 && width > 0) return window;
    }
  }

  /** Accumulators to 8 bits; in QONNX sometimes with ReLU and a second Quant behind the first. */
  private quantized(accumulator: TensorId): TensorId {
    const { random, builder } = this;
    let at = this.requantize(accumulator, storage(this.dialect, random));
    if (this.dialect !== "qonnx" || random.chance()) return at;
    const { min, max } = builder.tensor(at);
    if (min < 0 && random.chance()) at = builder.add({ kind: "clamp", min: 0, max }, [at]);
    return this.requantize(at, storage(this.dialect, random));
  }

  private requantize(input: TensorId, to: Storage): TensorId {
    const { random, builder } = this;
    const from = builder.tensor(input);
    // Aim at a spread of a third of the target range; the worst case is far from the typical one.
    const reach = Math.max(1, Math.max(Math.abs(from.min), Math.abs(from.max)) / (isEightBit(from) ? 1 : 6));
    const factor = ((to.max - to.min) / reach) * (0.3 + random.integer(0, 60) / 100);
    const clamp =
      this.dialect !== "qonnx" && random.chance(0.4)
        ? { min: Math.max(to.min, to.zeroPoint), max: to.max }
        : { min: to.min, max: to.max };
    if (this.dialect === "qonnx") {
      const exponent = Math.round(Math.log2(factor));
      const stageA = powerOfTwo(Math.min(Math.max(exponent, -24), 8));
      const body = { kind: "requantize", inputZeroPoint: 0, stageA, zeroPoint: to.zeroPoint, clamp } as const;
      return builder.add(body, [input], to);
    }
    const channels = this.dialect === "int8" && random.chance(0.7) ? from.shape[2] : 1;
    const factors = Array.from({ length: channels }, () => factor * (0.5 + random.integer(0, 100) / 100));
    const [stageA, stageB] = fixedPoint(factors);
    return builder.add(
      { kind: "requantize", inputZeroPoint: from.zeroPoint, stageA, stageB, zeroPoint: to.zeroPoint, clamp },
      [input],
      to,
    );
  }

  private addition(a: TensorId, b: TensorId): TensorId {
    const { random, builder } = this;
    const tensors = [builder.tensor(a), builder.tensor(b)];
    const shared = Math.max(tensors[0].scale, tensors[1].scale);
    const finest = Math.min(tensors[0].scale, tensors[1].scale);
    const scales = tensors.map((tensor) => {
      if (this.dialect === "qonnx") {
        return { zeroPoint: 0, leftShift: Math.round(Math.log2(tensor.scale / finest)), stageA: identity };
      }
      const [stageA, stageB] = fixedPoint([Math.min(0.999, tensor.scale / (2 * shared))]);
      return { zeroPoint: tensor.zeroPoint, leftShift: 20, stageA, stageB };
    });
    const sum = builder.add({ kind: "add", scales: [scales[0], scales[1]] }, [a, b], {
      scale: this.dialect === "qonnx" ? finest : (2 * shared) / 2 ** 20,
      zeroPoint: 0,
    });
    return this.requantize(sum, storage(this.dialect, random));
  }

  private pool(kind: "max-pool" | "average-pool", input: TensorId): TensorId {
    const { random, builder } = this;
    const [height, width] = builder.tensor(input).shape;
    const kernel = [Math.min(height, random.integer(1, 3)), Math.min(width, random.integer(1, 3))] as const;
    // Half of the kernel at most, so that no window lies in the padding altogether.
    const side = (size: number) => (random.chance(0.3) ? Math.floor(size / 2) : 0);
    const padding = {
      top: side(kernel[0]),
      bottom: side(kernel[0]),
      left: side(kernel[1]),
      right: side(kernel[1]),
    };
    const window: Window = {
      kernel,
      stride: [random.integer(1, 2), random.integer(1, 2)],
      dilation: [1, 1],
      padding,
    };
    if (kind === "average-pool") return this.average(input, window);
    return builder.add({ kind, ...window }, [input]);
  }

  private average(input: TensorId, window: Window): TensorId {
    const { random, builder } = this;
    const { min, max, zeroPoint, scale } = builder.tensor(input);
    if (this.dialect !== "qonnx") {
      const rounding = this.dialect === "int8" ? "half-away" : "half-up";
      const body = { kind: "average-pool", inputZeroPoint: 0, numerator: 1, denominator: 1 } as const;
      return builder.add({ ...body, ...window, rounding, zeroPoint: 0, clamp: { min, max } }, [input], {
        scale,
        zeroPoint,
      });
    }
    const to = storage(this.dialect, random);
    const ratio = scale / to.scale;
    return builder.add(
      {
        kind: "average-pool",
        ...window,
        inputZeroPoint: 0,
        numerator: Math.max(1, ratio),
        denominator: Math.max(1, 1 / ratio),
        rounding: "half-even",
        zeroPoint: 0,
        clamp: { min: to.min, max: to.max },
      },
      [input],
      to,
    );
  }
}

const noPadding = { top: 0, bottom: 0, left: 0, right: 0 };
const pointwise: Window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: noPadding };
const identity: RoundingStage = {
  multiplier: Int32Array.of(1),
  shift: Uint8Array.of(0),
  rounding: "half-even",
};

/** x * 2^exponent, as a Quant rounds it. */
function powerOfTwo(exponent: number): RoundingStage {
  return {
    multiplier: Int32Array.of(2 ** Math.max(0, exponent)),
    shift: Uint8Array.of(Math.max(0, -exponent)),
    rounding: "half-even",
  };
}

/** TFLite's two stages: 31-bit multiplier with half-up, then a right shift with half-away. */
function fixedPoint(factors: readonly number[]): [RoundingStage, RoundingStage] {
  const exponents = factors.map((factor) => Math.floor(Math.log2(factor)) + 1);
  const multipliers = factors.map((factor, index) =>
    Math.min(2 ** 31 - 1, Math.round((factor / 2 ** exponents[index]) * 2 ** 31)),
  );
  return [
    {
      multiplier: Int32Array.from(multipliers),
      shift: Uint8Array.from(exponents, (exponent) => 31 - Math.max(0, exponent)),
      rounding: "half-up",
    },
    {
      multiplier: Int32Array.of(1),
      shift: Uint8Array.from(exponents, (exponent) => Math.max(0, -exponent)),
      rounding: "half-away",
    },
  ];
}
