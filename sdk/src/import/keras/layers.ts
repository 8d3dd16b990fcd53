/** What each Keras layer class means. Only the channels-last data format occurs in TensorFlow.js. */
import { ImportError, type SluiceErrorFacts } from "../../errors.js";
import type { TensorId, Window } from "../../graph/types.js";
import { noPadding, samePadding } from "../../graph/window.js";
import type { FloatGraphBuilder } from "../float/builder.js";
import { type KerasLayer, layerName } from "./model-json.js";
import type { KerasWeight } from "./weights.js";

export interface KerasLowering {
  readonly file: string;
  readonly builder: FloatGraphBuilder;
  readonly weights: ReadonlyMap<string, KerasWeight>;
  /** The softmax's input, once there is one. */
  logits?: TensorId;
}

export type LowerLayer = (
  lowering: KerasLowering,
  layer: KerasLayer,
  inputs: readonly TensorId[],
) => TensorId;

export function layerError(
  { file }: Pick<KerasLowering, "file">,
  layer: KerasLayer,
  code: string,
  message: string,
  facts: SluiceErrorFacts = {},
): ImportError {
  const place = `${file}, layer "${layerName(layer)}" (${layer.class_name})`;
  return new ImportError(code, `Layer "${layerName(layer)}": ${message}`, { place, ...facts });
}

/** A weight of the layer; names are LAYER/WEIGHT, possibly behind the names of enclosing models. */
function weightOf(lowering: KerasLowering, layer: KerasLayer, weight: string): KerasWeight | undefined {
  const exact = lowering.weights.get(`${layerName(layer)}/${weight}`);
  if (exact) return exact;
  const ending = `/${layerName(layer)}/${weight}`;
  const name = [...lowering.weights.keys()].find((key) => key.endsWith(ending));
  return name === undefined ? undefined : lowering.weights.get(name);
}

function requiredWeight(
  lowering: KerasLowering,
  layer: KerasLayer,
  weight: string,
  rank: number,
): KerasWeight {
  const found = weightOf(lowering, layer, weight);
  if (found?.shape.length === rank && found.values.length > 0) return found;
  throw layerError(
    lowering,
    layer,
    "missing-weight",
    `the weight "${weight}" is missing or has another rank.`,
    {
      expected: `${layerName(layer)}/${weight} with ${rank} dimensions`,
      found: found ? `[${found.shape}]` : "nothing",
      hint: "Save the model together with its weights.",
    },
  );
}

function biasOf(lowering: KerasLowering, layer: KerasLayer, outputs: number): Float32Array {
  const bias = weightOf(lowering, layer, "bias");
  if (bias === undefined && layer.config.use_bias !== true) return new Float32Array(outputs);
  if (bias?.values.length === outputs) return bias.values;
  throw layerError(lowering, layer, "missing-weight", "the bias is missing or does not fit.", {
    expected: `${outputs} values`,
    found: `${bias?.values.length ?? 0}`,
  });
}

function pair(
  lowering: KerasLowering,
  layer: KerasLayer,
  field: string,
  fallback?: number,
): readonly [number, number] {
  const value = layer.config[field] ?? fallback;
  const [first, second = first] = Array.isArray(value) ? value : [value, value];
  const isSize = (size: unknown): size is number => Number.isInteger(size) && (size as number) >= 1;
  if (isSize(first) && isSize(second)) return [first, second];
  throw layerError(lowering, layer, "bad-config", `"${field}" is not a pair of sizes.`, {
    expected: "one or two integers of 1 or more",
    found: JSON.stringify(value),
  });
}

function windowOf(
  lowering: KerasLowering,
  layer: KerasLayer,
  input: TensorId,
  kernel: readonly [number, number],
  stride: readonly [number, number],
  dilation: readonly [number, number],
): Window {
  const shape = lowering.builder.shape(input);
  if ((layer.config.data_format ?? "channels_last") !== "channels_last") {
    throw layerError(lowering, layer, "unsupported-layout", "channels come first.", {
      expected: "data_format channels_last",
      found: String(layer.config.data_format),
    });
  }
  const padding = layer.config.padding ?? "valid";
  if (padding === "valid") return { kernel, stride, dilation, padding: noPadding };
  if (padding !== "same") {
    throw layerError(
      lowering,
      layer,
      "unsupported-padding",
      `the padding ${String(padding)} is not supported.`,
      {
        expected: "valid or same",
      },
    );
  }
  const [top, bottom] = samePadding(shape[0], kernel[0], stride[0], dilation[0]);
  const [left, right] = samePadding(shape[1], kernel[1], stride[1], dilation[1]);
  return { kernel, stride, dilation, padding: { top, bottom, left, right } };
}

/** The activation a layer ends with, as a clamp or (at the end of the model) a softmax. */
function activate(
  lowering: KerasLowering,
  layer: KerasLayer,
  input: TensorId,
  activation: unknown,
): TensorId {
  const name = `${layerName(layer)}/${String(activation)}`;
  const sourceOp = layer.class_name;
  switch (activation ?? "linear") {
    case "linear":
      return input;
    case "relu":
      return lowering.builder.add(name, { kind: "clamp", sourceOp, inputs: [input], min: 0, max: Infinity });
    case "relu6":
      return lowering.builder.add(name, { kind: "clamp", sourceOp, inputs: [input], min: 0, max: 6 });
    case "softmax":
      lowering.logits = input;
      return lowering.builder.add(name, { kind: "softmax", sourceOp, inputs: [input], beta: 1 });
    default:
      throw layerError(
        lowering,
        layer,
        "unsupported-activation",
        `the activation is ${String(activation)}.`,
        {
          expected: "linear, relu, relu6 or softmax",
          found: String(activation).slice(0, 100),
          hint: "Train the model with one of these activations.",
        },
      );
  }
}

function convolve(
  lowering: KerasLowering,
  layer: KerasLayer,
  input: TensorId,
  name: string,
  spec: {
    readonly kernel: KerasWeight;
    readonly depthwise: boolean;
    readonly window: Window;
    readonly bias: (outputs: number) => Float32Array;
  },
): TensorId {
  const channels = lowering.builder.shape(input)[2];
  const [height, width, inputs, last] = spec.kernel.shape;
  const outputs = spec.depthwise ? inputs * last : last;
  const groups = spec.depthwise ? channels : channels / inputs;
  if (
    !Number.isInteger(groups) ||
    groups < 1 ||
    outputs % groups !== 0 ||
    (spec.depthwise && inputs !== channels)
  ) {
    throw layerError(lowering, layer, "bad-filter", "the filter does not fit the input's channels.", {
      expected: `a filter for ${channels} channels`,
      found: `[${spec.kernel.shape}]`,
    });
  }
  // HWIO (or HWCM for depthwise) to OHWI.
  const { values } = spec.kernel;
  const perPosition = inputs * last;
  const perOutput = spec.depthwise ? 1 : inputs;
  const weights = new Float32Array(values.length);
  let next = 0;
  for (let output = 0; output < outputs; output += 1) {
    for (let position = 0; position < height * width; position += 1) {
      for (let channel = 0; channel < perOutput; channel += 1) {
        const at = spec.depthwise ? output : channel * last + output;
        weights[next] = values[position * perPosition + at];
        next += 1;
      }
    }
  }
  return lowering.builder.add(name, {
    ...spec.window,
    kind: "convolution",
    sourceOp: layer.class_name,
    inputs: [input],
    groups,
    weights,
    bias: spec.bias(outputs),
    structural: false,
  });
}

const convolution: LowerLayer = (lowering, layer, [input]) => {
  const depthwise = layer.class_name === "DepthwiseConv2D";
  const kernel = requiredWeight(lowering, layer, depthwise ? "depthwise_kernel" : "kernel", 4);
  const stride = pair(lowering, layer, "strides", 1);
  const dilation = pair(lowering, layer, "dilation_rate", 1);
  const window = windowOf(lowering, layer, input, [kernel.shape[0], kernel.shape[1]], stride, dilation);
  const bias = (outputs: number) => biasOf(lowering, layer, outputs);
  const id = convolve(lowering, layer, input, layerName(layer), { kernel, depthwise, window, bias });
  return activate(lowering, layer, id, layer.config.activation);
};

const separable: LowerLayer = (lowering, layer, [input]) => {
  const spatial = requiredWeight(lowering, layer, "depthwise_kernel", 4);
  const pointwise = requiredWeight(lowering, layer, "pointwise_kernel", 4);
  const stride = pair(lowering, layer, "strides", 1);
  const dilation = pair(lowering, layer, "dilation_rate", 1);
  const first = convolve(lowering, layer, input, `${layerName(layer)}/depthwise`, {
    kernel: spatial,
    depthwise: true,
    window: windowOf(lowering, layer, input, [spatial.shape[0], spatial.shape[1]], stride, dilation),
    bias: (outputs) => new Float32Array(outputs),
  });
  const second = convolve(lowering, layer, first, layerName(layer), {
    kernel: pointwise,
    depthwise: false,
    window: { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: noPadding },
    bias: (outputs) => biasOf(lowering, layer, outputs),
  });
  return activate(lowering, layer, second, layer.config.activation);
};

const dense: LowerLayer = (lowering, layer, [input]) => {
  const kernel = requiredWeight(lowering, layer, "kernel", 2);
  const [inputs, outputs] = kernel.shape;
  const shape = lowering.builder.shape(input);
  if (shape[0] * shape[1] !== 1 || shape[2] !== inputs) {
    throw layerError(lowering, layer, "bad-filter", "the matrix does not fit the input.", {
      expected: `a flat input of ${inputs}`,
      found: `[${shape}]`,
      hint: "Put a Flatten layer before the dense layer.",
    });
  }
  const weights = Float32Array.from(
    { length: kernel.values.length },
    (_, index) => kernel.values[(index % inputs) * outputs + Math.floor(index / inputs)],
  );
  const bias = biasOf(lowering, layer, outputs);
  const id = lowering.builder.addDense(layerName(layer), layer.class_name, input, weights, bias);
  return activate(lowering, layer, id, layer.config.activation);
};

const batchNormalization: LowerLayer = (lowering, layer, [input]) => {
  const channels = lowering.builder.shape(input)[2];
  const axis = Array.isArray(layer.config.axis) ? layer.config.axis[0] : (layer.config.axis ?? -1);
  const statistic = (name: string, fallback: number) =>
    weightOf(lowering, layer, name)?.values ?? new Float32Array(channels).fill(fallback);
  const [gamma, beta] = [statistic("gamma", 1), statistic("beta", 0)];
  const mean = requiredWeight(lowering, layer, "moving_mean", 1).values;
  const variance = requiredWeight(lowering, layer, "moving_variance", 1).values;
  const epsilon = typeof layer.config.epsilon === "number" ? layer.config.epsilon : 1e-3;
  const fits = [gamma, beta, mean, variance].every(({ length }) => length === channels);
  if (!fits || ![-1, 3, 1].includes(axis) || (axis === 1 && lowering.builder.shape(input)[0] !== 1)) {
    throw layerError(lowering, layer, "bad-normalization", "the statistics do not fit the channels.", {
      expected: `${channels} values along the last axis`,
      found: `${mean.length} along axis ${String(axis)}`,
    });
  }
  const factors = Array.from(gamma, (value, channel) => value / Math.sqrt(variance[channel] + epsilon));
  return lowering.builder.add(layerName(layer), {
    kind: "affine",
    sourceOp: layer.class_name,
    inputs: [input],
    scale: Float32Array.from(factors),
    shift: Float32Array.from(beta, (value, channel) => value - mean[channel] * factors[channel]),
    statistics: { mean: Float32Array.from(beta), deviation: Float32Array.from(gamma, Math.abs) },
  });
};

const relu: LowerLayer = (lowering, layer, [input]) => {
  const { max_value: max, negative_slope: slope = 0, threshold = 0 } = layer.config;
  const slopes = Array.isArray(slope) ? slope : [slope];
  if (slopes.some((value) => value !== 0) || threshold !== 0 || (max != null && typeof max !== "number")) {
    throw layerError(
      lowering,
      layer,
      "unsupported-activation",
      "only a plain or limited ReLU is supported.",
      {
        expected: "negative_slope 0, threshold 0",
        found: `negative_slope ${String(slope)}, threshold ${String(threshold)}`,
      },
    );
  }
  const limit = typeof max === "number" ? max : Infinity;
  const parts = { kind: "clamp" as const, sourceOp: layer.class_name, inputs: [input], min: 0, max: limit };
  return lowering.builder.add(layerName(layer), parts);
};

const pool: LowerLayer = (lowering, layer, [input]) => {
  const kernel = pair(lowering, layer, "pool_size", 2);
  const stride = layer.config.strides == null ? kernel : pair(lowering, layer, "strides");
  const window = windowOf(lowering, layer, input, kernel, stride, [1, 1]);
  return addPool(lowering, layer, input, window);
};

const globalPool: LowerLayer = (lowering, layer, [input]) => {
  const [height, width] = lowering.builder.shape(input);
  return addPool(lowering, layer, input, {
    kernel: [height, width],
    stride: [1, 1],
    dilation: [1, 1],
    padding: noPadding,
  });
};

function addPool(lowering: KerasLowering, layer: KerasLayer, input: TensorId, window: Window): TensorId {
  const common = { ...window, sourceOp: layer.class_name, inputs: [input] };
  return lowering.builder.add(
    layerName(layer),
    layer.class_name.includes("Max")
      ? { ...common, kind: "max-pool" }
      : { ...common, kind: "average-pool", countPadding: false },
  );
}

const zeroPadding: LowerLayer = (lowering, layer, [input]) => {
  const value = layer.config.padding ?? 1;
  const rows = Array.isArray(value) ? value[0] : value;
  const columns = Array.isArray(value) ? value[1] : value;
  const [top, bottom] = Array.isArray(rows) ? rows : [rows, rows];
  const [left, right] = Array.isArray(columns) ? columns : [columns, columns];
  if (![top, bottom, left, right].every((amount) => Number.isInteger(amount) && amount >= 0)) {
    throw layerError(lowering, layer, "bad-config", '"padding" is not a list of sizes.', {
      found: JSON.stringify(value)?.slice(0, 200),
    });
  }
  return lowering.builder.add(layerName(layer), {
    kind: "pad",
    sourceOp: layer.class_name,
    inputs: [input],
    before: [top, left, 0],
    after: [bottom, right, 0],
    value: 0,
  });
};

const add: LowerLayer = (lowering, layer, inputs) => {
  const { builder } = lowering;
  const shapes = new Set(inputs.map((id) => builder.shape(id).join()));
  if (inputs.length < 2 || shapes.size !== 1) {
    throw layerError(
      lowering,
      layer,
      "unsupported-broadcast",
      "the inputs must be two or more of equal shape.",
      {
        found: [...shapes].map((shape) => `[${shape}]`).join(" and "),
      },
    );
  }
  return inputs.slice(1).reduce((sum, id, index) => {
    const name = index === inputs.length - 2 ? layerName(layer) : `${layerName(layer)}/${index}`;
    return builder.add(name, { kind: "add", sourceOp: layer.class_name, inputs: [sum, id] });
  }, inputs[0]);
};

const concatenate: LowerLayer = (lowering, layer, inputs) => {
  const axis = layer.config.axis ?? -1;
  const shapes = inputs.map((id) => lowering.builder.shape(id));
  const flat = shapes.every((shape) => shape[0] * shape[1] === 1);
  const stackable = shapes.every((shape) => shape[0] === shapes[0][0] && shape[1] === shapes[0][1]);
  if (!stackable || !(axis === -1 || axis === 3 || (flat && axis === 1))) {
    throw layerError(lowering, layer, "unsupported-concatenation", "only channels can be concatenated.", {
      expected: "axis -1, equal heights and widths",
      found: `axis ${String(axis)}`,
    });
  }
  return lowering.builder.add(layerName(layer), { kind: "concat", sourceOp: layer.class_name, inputs });
};

const flatten: LowerLayer = (lowering, layer, [input]) => {
  const [height, width, channels] = lowering.builder.shape(input);
  const parts = { kind: "reshape" as const, sourceOp: layer.class_name, inputs: [input] };
  return lowering.builder.add(layerName(layer), parts, [1, 1, height * width * channels]);
};

const reshape: LowerLayer = (lowering, layer, [input]) => {
  const shape = lowering.builder.shape(input);
  const count = shape[0] * shape[1] * shape[2];
  const target: unknown[] = Array.isArray(layer.config.target_shape) ? layer.config.target_shape : [];
  const known = target.reduce<number>((product, size) => (size === -1 ? product : product * Number(size)), 1);
  const full = target.map((size) => (size === -1 ? count / known : Number(size)));
  const [height, width, channels] = [...Array<number>(Math.max(0, 3 - full.length)).fill(1), ...full];
  if (full.length < 1 || full.length > 3 || height * width * channels !== count) {
    throw layerError(lowering, layer, "unsupported-reshape", "the target shape does not fit.", {
      expected: `${count} elements in at most 3 dimensions`,
      found: JSON.stringify(target).slice(0, 100),
    });
  }
  const parts = { kind: "reshape" as const, sourceOp: layer.class_name, inputs: [input] };
  return lowering.builder.add(layerName(layer), parts, [height, width, channels]);
};

/** scale * x + offset, one value for all channels. */
const rescaling: LowerLayer = (lowering, layer, [input]) => {
  const { scale, offset = 0 } = layer.config;
  if (typeof scale !== "number" || typeof offset !== "number") {
    throw layerError(lowering, layer, "bad-config", "scale and offset must be single numbers.");
  }
  const channels = lowering.builder.shape(input)[2];
  return lowering.builder.add(layerName(layer), {
    kind: "affine",
    sourceOp: layer.class_name,
    inputs: [input],
    scale: new Float32Array(channels).fill(scale),
    shift: new Float32Array(channels).fill(offset),
  });
};

const identity: LowerLayer = (_lowering, _layer, [input]) => input;

export const kerasLayers: Readonly<Record<string, LowerLayer>> = {
  Activation: (lowering, layer, [input]) => activate(lowering, layer, input, layer.config.activation),
  ActivityRegularization: identity,
  Add: add,
  AveragePooling2D: pool,
  BatchNormalization: batchNormalization,
  Concatenate: concatenate,
  Conv2D: convolution,
  Dense: dense,
  DepthwiseConv2D: convolution,
  Dropout: identity,
  Flatten: flatten,
  GaussianNoise: identity,
  GlobalAveragePooling2D: globalPool,
  GlobalMaxPooling2D: globalPool,
  MaxPooling2D: pool,
  ReLU: relu,
  Rescaling: rescaling,
  Reshape: reshape,
  SeparableConv2D: separable,
  Softmax: (lowering, layer, [input]) => activate(lowering, layer, input, "softmax"),
  SpatialDropout2D: identity,
  ZeroPadding2D: zeroPadding,
};
