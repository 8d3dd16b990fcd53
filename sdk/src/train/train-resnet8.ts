/**
 * Trains the ResNet-8 of resnet8.ts on the images of shapes-dataset.ts: Adam (Kingma and Ba, 2015) with decoupled
 * weight decay (Loshchilov and Hutter, 2019) and a cosine learning rate. Every batch is drawn fresh, so no image is
 * ever seen twice. Given the same options on the same engine, every step gives the same numbers.
 */
import type { Scalar, Variable } from "@tensorflow/tfjs";
import {
  crossEntropy,
  initialParameters,
  type Parameter,
  type Parameters,
  trainingLogits,
} from "./resnet8.js";
import { drawShapeImages, SHAPE_CLASSES, SHAPE_IMAGE_SIZE } from "./shapes-dataset.js";
import type { Tensorflow } from "./tensorflow.js";

export interface TrainOptions {
  /** Seed of the initial weights and of the training images. */
  readonly seed: number;
  /** Number of update steps. */
  readonly steps: number;
  /** Images per step. */
  readonly batch: number;
  /** Largest learning rate, reached after the warm-up. */
  readonly learningRate: number;
  /** Repeat the images of the first so many steps; default: every step draws new ones. */
  readonly distinctSteps?: number;
  /** Called after each step with the loss on its batch. */
  readonly onStep?: (step: number, loss: number, parameters: Parameters) => void;
}

const WEIGHT_DECAY = 1e-2;
const BETA1 = 0.9;
const BETA2 = 0.999;
const ADAM_EPSILON = 1e-8;
const WARM_UP_STEPS = 100;
/** Share of the new batch in the running statistics. */
const STATISTICS_MOMENTUM = 0.02;

/** Linear warm-up, then half a cosine down to zero. */
export function learningRateAt(step: number, steps: number, peak: number): number {
  const warm = Math.min(1, (step + 1) / WARM_UP_STEPS);
  return peak * warm * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
}

/** Adam state and update of one parameter, in doubles rounded to float32. */
class AdamSlot {
  private readonly first: Float32Array;
  private readonly second: Float32Array;

  constructor(size: number) {
    this.first = new Float32Array(size);
    this.second = new Float32Array(size);
  }

  update(parameter: Parameter, gradient: ArrayLike<number>, step: number, rate: number): void {
    const { first, second } = this;
    const correction1 = 1 - BETA1 ** (step + 1);
    const correction2 = 1 - BETA2 ** (step + 1);
    const decay = parameter.decayed ? rate * WEIGHT_DECAY : 0;
    for (let i = 0; i < gradient.length; i++) {
      const g = gradient[i];
      first[i] = BETA1 * first[i] + (1 - BETA1) * g;
      second[i] = BETA2 * second[i] + (1 - BETA2) * g * g;
      const scale = Math.sqrt(second[i] / correction2) + ADAM_EPSILON;
      parameter.values[i] -= (rate * first[i]) / correction1 / scale + decay * parameter.values[i];
    }
  }
}

/** Pixels 0..255 as floats 0..1: what the first Quant node of the exported model sees. */
export function pixelsToTensor(tf: Tensorflow, pixels: Uint8Array, count: number) {
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) values[i] = pixels[i] / 255;
  return tf.tensor4d(values, [count, SHAPE_IMAGE_SIZE, SHAPE_IMAGE_SIZE, 3]);
}

/** Runs the training and returns the parameters with their running statistics. */
export function trainResNet8(tf: Tensorflow, options: TrainOptions): Parameters {
  const { seed, steps, batch, distinctSteps = steps } = options;
  const parameters = initialParameters(seed, SHAPE_CLASSES.length);
  const variables = new Map<string, Variable>();
  const slots = new Map<string, AdamSlot>();
  for (const [name, parameter] of parameters) {
    if (!parameter.trained) continue;
    variables.set(
      name,
      tf.tidy(() => tf.variable(tf.tensor(parameter.values, [...parameter.shape]), true)),
    );
    slots.set(name, new AdamSlot(parameter.values.length));
  }
  try {
    for (let step = 0; step < steps; step++) {
      const images = drawShapeImages(seed, (step % distinctSteps) * batch, batch);
      const loss = tf.tidy(() => {
        const rate = learningRateAt(step, steps, options.learningRate);
        return trainingStep(tf, parameters, variables, slots, images, step, rate);
      });
      options.onStep?.(step, loss, parameters);
    }
  } finally {
    for (const variable of variables.values()) variable.dispose();
  }
  return parameters;
}

function trainingStep(
  tf: Tensorflow,
  parameters: Parameters,
  variables: ReadonlyMap<string, Variable>,
  slots: ReadonlyMap<string, AdamSlot>,
  images: { readonly pixels: Uint8Array; readonly labels: Uint8Array },
  step: number,
  rate: number,
): number {
  const x = pixelsToTensor(tf, images.pixels, images.labels.length);
  const names = [...variables.keys()];
  const lossOf = (): Scalar => {
    const logits = trainingLogits(tf, variables, x, (layer, mean, variance) => {
      const blend = (name: string, fresh: ArrayLike<number>) => {
        const running = (parameters.get(`${layer}.${name}`) as Parameter).values;
        for (let i = 0; i < running.length; i++) running[i] += (fresh[i] - running[i]) * STATISTICS_MOMENTUM;
      };
      blend("mean", mean);
      blend("variance", variance);
    });
    return crossEntropy(tf, logits, images.labels);
  };
  const { value, grads } = tf.variableGrads(lossOf, [...variables.values()]);
  for (const name of names) {
    const variable = variables.get(name) as Variable;
    const parameter = parameters.get(name) as Parameter;
    (slots.get(name) as AdamSlot).update(parameter, grads[variable.name].dataSync(), step, rate);
    variable.assign(tf.tensor(parameter.values, [...parameter.shape]));
  }
  return value.dataSync()[0];
}
