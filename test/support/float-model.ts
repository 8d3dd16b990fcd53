/** A small residual float network with everything the quantiser handles: strides, a shortcut, pools, a classifier. */
import type { FloatConvolutionNode, FloatGraph, FloatNode, FloatTensor } from "@sluice/sdk/graph/float.js";
import { windowOutputShape } from "@sluice/sdk/graph/window.js";
import type { SeededRandom } from "./seeded-random.js";

export interface FloatModelOptions {
  /** Zero biases leave power-of-two arithmetic exact. */
  readonly biases: boolean;
  /** Of every layer but the classifier; default 8. */
  readonly channels?: number;
  /** The shortcut is the block's input itself, which an addition and a convolution then both read. */
  readonly identity?: boolean;
}

export function residualModel(
  random: SeededRandom,
  { biases, channels: width = 8, identity = false }: FloatModelOptions,
): FloatGraph {
  const tensors: FloatTensor[] = [{ name: "image", shape: [8, 8, 3] }];
  const nodes: FloatNode[] = [];
  const add = (node: FloatNode, shape: FloatTensor["shape"]): number => {
    nodes.push({ ...node, output: tensors.length });
    tensors.push({ name: node.name, shape });
    return tensors.length - 1;
  };
  const convolution = (
    name: string,
    input: number,
    outputs: number,
    kernel: number,
    stride: number,
    groups = 1,
  ): number => {
    const channels = tensors[input].shape[2];
    const length = (outputs * kernel * kernel * channels) / groups;
    const pad = (kernel - 1) / 2;
    const bound = Math.sqrt((3 * groups) / (kernel * kernel * channels));
    const node: FloatConvolutionNode = {
      kind: "convolution",
      name,
      sourceOp: "Conv",
      inputs: [input],
      output: -1,
      kernel: [kernel, kernel],
      stride: [stride, stride],
      dilation: [1, 1],
      padding: { top: pad, bottom: pad, left: pad, right: pad },
      groups,
      weights: Float32Array.from({ length }, () => (2 * random.next() - 1) * bound),
      bias: Float32Array.from({ length: outputs }, () => (biases ? random.next() - 0.5 : 0)),
      structural: false,
    };
    return add(node, windowOutputShape(tensors[input].shape, node, outputs));
  };
  const relu = (input: number): number =>
    add(
      {
        kind: "clamp",
        name: `relu${input}`,
        sourceOp: "Relu",
        inputs: [input],
        output: -1,
        min: 0,
        max: Infinity,
      },
      tensors[input].shape,
    );
  const first = relu(convolution("first", 0, width, 3, 1));
  const [stride, size] = identity ? [1, 8] : [2, 4];
  const branch = convolution("branch", relu(convolution("down", first, width, 3, stride)), width, 3, 1);
  const short = identity ? first : convolution("short", first, width, 1, 2);
  const sum = add({ kind: "add", name: "sum", sourceOp: "Add", inputs: [branch, short], output: -1 }, [
    size,
    size,
    width,
  ]);
  const depthwise = relu(convolution("depthwise", relu(sum), width, 3, 1, width));
  const pooled = add(
    {
      kind: "average-pool",
      name: "pool",
      sourceOp: "GlobalAveragePool",
      inputs: [depthwise],
      output: -1,
      kernel: [size, size],
      stride: [1, 1],
      dilation: [1, 1],
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
      countPadding: false,
    },
    [1, 1, width],
  );
  const output = convolution("classifier", pooled, 5, 1, 1);
  const source = { format: "synthetic" as const, file: "residual", sha256: "0".repeat(64) };
  return { name: "residual", source, tensors, nodes, input: 0, output, notes: [] };
}

/** Smooth random pictures, so that neighbouring inputs correlate as real ones do; -1..1. */
export function smoothImages(random: SeededRandom, count: number): Float32Array {
  const images = new Float32Array(count * 192);
  for (let image = 0; image < count; image += 1) {
    const waves = Array.from({ length: 3 }, () => [random.next() * 2, random.next() * 2, random.next() * 6]);
    for (let index = 0; index < 192; index += 1) {
      const pixel = Math.floor(index / 3);
      const [a, b, c] = waves[index % 3];
      images[image * 192 + index] =
        0.8 * Math.sin((a * (pixel >> 3)) / 3 + (b * (pixel & 7)) / 3 + c) + 0.2 * (2 * random.next() - 1);
    }
  }
  return images;
}
