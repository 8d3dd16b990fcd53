/** A small int8 network with the usual joints: convolution, depthwise, residual add, pooling, classifier, softmax. */
import { seededRandom } from "./seeded-random.js";
import { convolutionOptions, depthwiseOptions, type ModelSpec, poolOptions } from "./tflite-builder.js";

export function tinyTflite(): ModelSpec {
  const random = seededRandom(0x7f17e);
  const weights = (length: number) => Int8Array.from({ length }, () => random.integer(-127, 127));
  const bias = (length: number) => Int32Array.from({ length }, () => random.integer(-800, 800));
  const activation = (name: string, shape: readonly number[], scale: number, zeroPoint: number) =>
    ({ name, type: "INT8", shape, scales: [scale], zeroPoints: [zeroPoint] }) as const;
  return {
    tensors: [
      activation("input", [1, 6, 6, 3], 1, -128),
      activation("conv", [1, 6, 6, 4], 0.7, -128),
      activation("depthwise", [1, 6, 6, 4], 0.9, 5),
      activation("residual", [1, 6, 6, 4], 1.1, -20),
      activation("pooled", [1, 1, 1, 4], 1.1, -20),
      activation("flat", [1, 4], 1.1, -20),
      activation("logits", [1, 3], 0.4, 10),
      { name: "probabilities", type: "INT8", shape: [1, 3], scales: [1 / 256], zeroPoints: [-128] },
      {
        name: "conv/w",
        type: "INT8",
        shape: [4, 3, 3, 3],
        scales: [0.002, 0.003, 0.004, 0.005],
        data: weights(108),
      },
      { name: "conv/b", type: "INT32", shape: [4], data: bias(4) },
      {
        name: "depthwise/w",
        type: "INT8",
        shape: [1, 3, 3, 4],
        scales: [0.002, 0.003, 0.004, 0.005],
        quantizedDimension: 3,
        data: weights(36),
      },
      { name: "depthwise/b", type: "INT32", shape: [4], data: bias(4) },
      { name: "shape", type: "INT32", shape: [2], data: Int32Array.of(-1, 4) },
      { name: "dense/w", type: "INT8", shape: [3, 4], scales: [0.01], data: weights(12) },
      { name: "dense/b", type: "INT32", shape: [3], data: bias(3) },
    ],
    operators: [
      { op: "CONV_2D", inputs: [0, 8, 9], outputs: [1], ...convolutionOptions({ activation: 1 }) },
      { op: "DEPTHWISE_CONV_2D", inputs: [1, 10, 11], outputs: [2], ...depthwiseOptions({}) },
      { op: "ADD", inputs: [1, 2], outputs: [3], optionsType: 11, options: [[0, "int8", 1]] },
      { op: "AVERAGE_POOL_2D", inputs: [3], outputs: [4], ...poolOptions({ filter: [6, 6], valid: true }) },
      { op: "RESHAPE", inputs: [4, 12], outputs: [5] },
      { op: "FULLY_CONNECTED", inputs: [5, 13, 14], outputs: [6], optionsType: 8, options: [[0, "int8", 0]] },
      { op: "SOFTMAX", inputs: [6], outputs: [7], optionsType: 9, options: [[0, "float32", 1]] },
    ],
    inputs: [0],
    outputs: [7],
  };
}
