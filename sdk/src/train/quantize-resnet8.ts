/**
 * Float ResNet-8 to a QONNX file: batch normalisation folded, weights int8 per tensor, activations 8 bits, all scales
 * powers of two, biases on the accumulator's grid. Scales are those with the least squared error on calibration
 * images (weights: on the weights themselves).
 */
import type { Tensor4D } from "@tensorflow/tfjs";
import { roundHalfEven } from "../import/onnx/quant-parameters.js";
import { BATCH_NORM_EPSILON } from "./batch-norm.js";
import { QonnxWriter, type QuantFormat } from "./qonnx-writer.js";
import {
  type ConvLayer,
  type FoldedConv,
  foldBatchNorm,
  foldedLogits,
  type Parameters,
  RESNET8_CONVOLUTIONS,
  RESNET8_FEATURES,
} from "./resnet8.js";
import type { Tensorflow } from "./tensorflow.js";
import { TrainError } from "./train-error.js";

/** Pixels / 255 in steps of 1/256: 255 saturates by one step, every pixel keeps its own integer. */
const INPUT_FORMAT: QuantFormat = { exponent: -8, bits: 8, signed: false };
const WEIGHT_BITS = 8;
/** Scales that are tried below the one that just covers the largest value. */
const CANDIDATES = 4;

function limits({ bits, signed, narrow = false }: Omit<QuantFormat, "exponent">): {
  min: number;
  max: number;
} {
  if (!signed) return { min: 0, max: 2 ** bits - 1 };
  return { min: -(2 ** (bits - 1)) + (narrow ? 1 : 0), max: 2 ** (bits - 1) - 1 };
}

function quantize(value: number, scale: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, roundHalfEven(value / scale)));
}

/** The power-of-two scale with the least squared error over `values`. */
export function bestFormat(values: ArrayLike<number>, shape: Omit<QuantFormat, "exponent">): QuantFormat {
  const { min, max } = limits(shape);
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  const top = largest === 0 ? 0 : Math.ceil(Math.log2(largest / max));
  let best = { exponent: top, error: Number.POSITIVE_INFINITY };
  for (let exponent = top; exponent > top - CANDIDATES; exponent--) {
    const scale = 2 ** exponent;
    let error = 0;
    for (let i = 0; i < values.length; i++) {
      const difference = values[i] - quantize(values[i], scale, min, max) * scale;
      error += difference * difference;
    }
    if (error < best.error) best = { exponent, error };
  }
  return { ...shape, exponent: best.exponent };
}

const SIGNED = { bits: 8, signed: true };
const UNSIGNED = { bits: 8, signed: false };

/** Formats of every activation, by the names that `foldedLogits` observes. */
function calibrate(
  tf: Tensorflow,
  folded: ReadonlyMap<string, FoldedConv>,
  calibration: Tensor4D,
): Map<string, QuantFormat> {
  const formats = new Map<string, QuantFormat>();
  tf.tidy(() => {
    foldedLogits(tf, folded, calibration, (name, tensor) => {
      const positive = name.endsWith(".relu") || name === "pool";
      formats.set(
        name,
        name === "input" ? INPUT_FORMAT : bestFormat(tensor.dataSync(), positive ? UNSIGNED : SIGNED),
      );
    });
  });
  return formats;
}

/** HWIO to the OIHW of ONNX, quantised. */
function integerWeights(weights: Float32Array, layer: ConvLayer, { exponent }: QuantFormat): Int8Array {
  const { kernel, inputs, outputs } = layer;
  const taps = kernel * kernel;
  const integers = new Int8Array(weights.length);
  const { min, max } = limits({ bits: WEIGHT_BITS, signed: true, narrow: true });
  for (let tap = 0; tap < taps; tap++)
    for (let i = 0; i < inputs; i++)
      for (let o = 0; o < outputs; o++) {
        const value = weights[(tap * inputs + i) * outputs + o];
        integers[(o * inputs + i) * taps + tap] = quantize(value, 2 ** exponent, min, max);
      }
  return integers;
}

/**
 * Quantises trained parameters and returns the bytes of a QONNX file.
 *
 * @param calibration images as the network sees them, [N,32,32,3] in 0..1; a few hundred are enough.
 * @throws {TrainError} `bias-out-of-range` when a bias does not fit 24 bits on its accumulator's grid.
 */
export function quantizeResNet8(tf: Tensorflow, parameters: Parameters, calibration: Tensor4D): Uint8Array {
  const folded = foldBatchNorm(parameters, BATCH_NORM_EPSILON);
  const formats = calibrate(tf, folded, calibration);
  const format = (name: string) => formats.get(name) as QuantFormat;
  const writer = new QonnxWriter("resnet8-shapes", [1, 3, 32, 32]);

  const conv = (layer: ConvLayer, x: string, xFormat: QuantFormat): string => {
    const { weights, bias } = folded.get(layer.name) as FoldedConv;
    const weightFormat = bestFormat(weights, { bits: WEIGHT_BITS, signed: true, narrow: true });
    const biasExponent = weightFormat.exponent + xFormat.exponent;
    const biasIntegers = Int32Array.from(bias, (value) => roundHalfEven(value / 2 ** biasExponent));
    // The file holds biases as float32, which is exact up to 24 bits.
    if (biasIntegers.some((integer) => Math.abs(integer) >= 2 ** 24)) {
      throw new TrainError("bias-out-of-range", `The bias of ${layer.name} is too large for its grid`, {
        place: layer.name,
        expected: "less than 2^24 steps",
        found: `${Math.max(...biasIntegers.map(Math.abs))}`,
        hint: "Train longer or with more weight decay: a sane network has small biases.",
      });
    }
    const { name, kernel, stride, inputs, outputs } = layer;
    const w = writer.quantConstant(
      `${name}.weights`,
      integerWeights(weights, layer, weightFormat),
      [outputs, inputs, kernel, kernel],
      weightFormat,
    );
    const biasFormat = { exponent: biasExponent, bits: 32, signed: true };
    const b = writer.quantConstant(`${name}.bias`, biasIntegers, [outputs], biasFormat);
    return writer.conv(name, x, w, b, kernel, { stride, padding: kernel >> 1 });
  };
  const quantized = (name: string, x: string) => writer.quant(`${name}.quant`, x, format(name));
  const layer = (name: string) => RESNET8_CONVOLUTIONS.find((known) => known.name === name) as ConvLayer;

  const x = quantized("input", writer.input);
  let y = quantized("conv1.relu", writer.relu("conv1.relu", conv(layer("conv1"), x, format("input"))));
  let yName = "conv1.relu";
  for (const stack of ["stack1", "stack2", "stack3"]) {
    const firstName = `${stack}.conv1.relu`;
    const firstConv = conv(layer(`${stack}.conv1`), y, format(yName));
    const first = quantized(firstName, writer.relu(firstName, firstConv));
    const second = quantized(`${stack}.conv2`, conv(layer(`${stack}.conv2`), first, format(firstName)));
    const shortcutName = `${stack}.shortcut`;
    const shortcut =
      stack === "stack1" ? y : quantized(shortcutName, conv(layer(shortcutName), y, format(yName)));
    yName = `${stack}.relu`;
    y = quantized(yName, writer.relu(yName, writer.sum(`${stack}.add`, second, shortcut)));
  }
  const pooled = quantized("pool", writer.globalAveragePool("pool", y));
  const classes = (folded.get("linear") as FoldedConv).bias.length;
  const linear: ConvLayer = {
    name: "linear",
    kernel: 1,
    stride: 1,
    inputs: RESNET8_FEATURES,
    outputs: classes,
  } as ConvLayer;
  const logits = quantized("logits", conv(linear, pooled, format("pool")));
  return writer.finish(logits, [1, classes, 1, 1]);
}
