/** Float models of the table, and how their pixels become inputs: (pixel * scale - mean) / std. */
export const models = {
  resnet20: {
    name: "ResNet-20",
    file: "resnet20_float.onnx",
    encoding: { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  },
  resnet8: {
    name: "ResNet-8",
    file: "pretrainedResnet.tflite",
    encoding: { scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
  },
};

/** Float pixels as the model reads them. */
export function preprocess(pixels, { scale, mean, std }) {
  return Float32Array.from(pixels, (pixel, index) => (pixel * scale - mean[index % 3]) / std[index % 3]);
}

/** What pixels 0..255 become, over all channels. */
export function inputRange({ scale, mean, std }) {
  const ends = mean.flatMap((value, channel) => [
    -value / std[channel],
    (255 * scale - value) / std[channel],
  ]);
  return [Math.min(...ends), Math.max(...ends)];
}
