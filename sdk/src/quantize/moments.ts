/** Second moments of a convolution's windows and of its target, on sampled positions, with the WebAssembly kernels. */
import type { FloatConvolutionNode } from "../graph/float.js";
import type { Shape } from "../graph/types.js";
import { KernelMemory } from "../reference/float/kernel.js";
import type { Activations } from "./stepwise.js";

/** Positions gathered before a product is taken: float32 sums stay short, and the panel stays in cache. */
const CHUNK = 2_048;
const PANEL = 8;
/** Divides CHUNK. */
const TILE = 16;
/** Relative error of float32 sums; added to the diagonal, so that an input without variance stays harmless. */
const FLOAT_ERROR = 2e-6;

/** Centred moments of one group of a convolution: K window elements, O outputs. */
export interface Moments {
  readonly inputs: number;
  readonly outputs: number;
  /** cov(x), [K][K]. */
  readonly covariance: Float64Array;
  /** cov(target, x), [O][K]. */
  readonly cross: Float64Array;
  /** mean(x), [K]; mean(target), [O]. */
  readonly mean: Float64Array;
  readonly targetMean: Float64Array;
}

export interface MomentOptions {
  /** At most about this many positions over all images; spread evenly. */
  readonly positions: number;
}

/**
 * @param x inputs of `count` images; `target` what the layer should give for them, of the output's shape
 */
export function moments(
  node: FloatConvolutionNode,
  inputShape: Shape,
  outputShape: Shape,
  x: Activations,
  target: Activations,
  count: number,
  options: MomentOptions,
): Moments[] {
  const groupInputs = inputShape[2] / node.groups;
  const groupOutputs = outputShape[2] / node.groups;
  const K = node.kernel[0] * node.kernel[1] * groupInputs;
  const perImage = outputShape[0] * outputShape[1];
  const total = perImage * count;
  const step = Math.max(1, Math.floor((total * node.groups ** 0.5) / options.positions));
  // A step that shares no factor with the row length visits every place of the map.
  const stride = step > 1 && step % 2 === 0 ? step + 1 : step;
  const rows = Math.ceil(total / stride);
  const width = K + groupOutputs;
  const product = new GramProduct(width);
  const result: Moments[] = [];
  for (let group = 0; group < node.groups; group += 1) {
    product.reset();
    for (let row = 0; row < rows; row += 1) {
      const at = row * stride;
      const image = Math.floor(at / perImage);
      const line = product.nextRow();
      gather(node, inputShape, outputShape, x, image, at % perImage, group, groupInputs, line);
      const from = at * outputShape[2] + group * groupOutputs;
      for (let o = 0; o < groupOutputs; o += 1) line[K + o] = target[from + o];
      product.endRow();
    }
    result.push(split(product.finish(), product.sums, product.origin, rows, K, groupOutputs));
  }
  return result;
}

function gather(
  node: FloatConvolutionNode,
  [height, width, channels]: Shape,
  outputShape: Shape,
  x: Activations,
  image: number,
  position: number,
  group: number,
  groupInputs: number,
  line: Float32Array,
): void {
  const { kernel, stride, dilation, padding } = node;
  const top = Math.floor(position / outputShape[1]) * stride[0] - padding.top;
  const left = (position % outputShape[1]) * stride[1] - padding.left;
  const start = image * height * width * channels + group * groupInputs;
  let to = 0;
  for (let ky = 0; ky < kernel[0]; ky += 1) {
    const y = top + ky * dilation[0];
    for (let kx = 0; kx < kernel[1]; kx += 1) {
      const column = left + kx * dilation[1];
      const inside = y >= 0 && y < height && column >= 0 && column < width;
      const from = start + (y * width + column) * channels;
      for (let c = 0; c < groupInputs; c += 1) line[to + c] = inside ? x[from + c] : 0;
      to += groupInputs;
    }
  }
}

/** Sums of outer products: rows are collected transposed, and multiplied by themselves a chunk at a time. */
class GramProduct {
  /** Of the rows less `origin`. */
  readonly sums: Float64Array;
  /** The first row. */
  readonly origin: Float32Array;
  private readonly total: Float64Array;
  /** Rows wait here until a cache line of each column is full: rows of one chunk lie far apart in the columns. */
  private readonly tile: Float32Array;
  private readonly memory = new KernelMemory();
  private readonly padded: number;
  private readonly columnsAt: number;
  private readonly panelsAt: number;
  private readonly offsetsAt: number;
  private readonly segmentsAt: number;
  private readonly biasAt: number;
  private readonly outputAt: number;
  private readonly columns: Float32Array;
  private readonly panels: Float32Array;
  private filled = 0;
  private isFirst = true;

  constructor(private readonly width: number) {
    const { memory } = this;
    this.padded = Math.ceil(width / PANEL) * PANEL;
    this.sums = new Float64Array(width);
    this.origin = new Float32Array(width);
    this.total = new Float64Array(width * width);
    this.tile = new Float32Array(TILE * width);
    this.columnsAt = memory.allocate(4 * width * CHUNK);
    this.panelsAt = memory.allocate(4 * this.padded * CHUNK);
    this.offsetsAt = memory.store(Int32Array.from({ length: width }, (_, index) => index * CHUNK * 4));
    this.segmentsAt = memory.store(Int32Array.of(0));
    this.biasAt = memory.store(new Float32Array(PANEL));
    this.outputAt = memory.allocate(4 * width * PANEL);
    this.columns = memory.floats(this.columnsAt, width * CHUNK);
    this.panels = memory.floats(this.panelsAt, this.padded * CHUNK);
  }

  reset(): void {
    this.sums.fill(0);
    this.total.fill(0);
    this.filled = 0;
    this.isFirst = true;
  }

  nextRow(): Float32Array {
    const at = (this.filled % TILE) * this.width;
    return this.tile.subarray(at, at + this.width);
  }

  endRow(): void {
    if (this.isFirst) this.origin.set(this.nextRow());
    this.isFirst = false;
    this.filled += 1;
    if (this.filled % TILE === 0) this.transpose(TILE);
    if (this.filled === CHUNK) this.multiply();
  }

  /** The last rows, from the tile to columns and panels. */
  private transpose(rows: number): void {
    const { width, columns, panels, tile, origin, sums } = this;
    const first = this.filled - rows;
    for (let index = 0; index < width; index += 1) {
      const from = origin[index];
      const column = index * CHUNK + first;
      const panel = ((index >> 3) * CHUNK + first) * PANEL + (index & 7);
      let sum = 0;
      for (let row = 0; row < rows; row += 1) {
        // Less the first row: covariances do not change, and products of almost constant inputs keep their digits.
        const value = tile[row * width + index] - from;
        sum += value;
        columns[column + row] = value;
        panels[panel + row * PANEL] = value;
      }
      sums[index] += sum;
    }
  }

  /** The full symmetric matrix. */
  finish(): Float64Array {
    if (this.filled > 0) {
      if (this.filled % TILE > 0) this.transpose(this.filled % TILE);
      const { width, columns, panels, filled } = this;
      for (let index = 0; index < width; index += 1)
        columns.fill(0, index * CHUNK + filled, (index + 1) * CHUNK);
      for (let panel = 0; panel < this.padded / PANEL; panel += 1) {
        panels.fill(0, (panel * CHUNK + filled) * PANEL, (panel + 1) * CHUNK * PANEL);
      }
      this.multiply();
    }
    const { width, total } = this;
    for (let i = 0; i < width; i += 1)
      for (let j = i + 1; j < width; j += 1) total[i * width + j] = total[j * width + i];
    return total;
  }

  /** Only rows i >= the panel's first column: the matrix is symmetric. */
  private multiply(): void {
    const { width, memory, total } = this;
    for (let first = 0; first < width; first += PANEL) {
      const outputs = Math.min(PANEL, width - first);
      const positions = width - first;
      memory.kernels.convolve(
        this.columnsAt,
        this.offsetsAt + 4 * first,
        positions,
        this.segmentsAt,
        1,
        CHUNK,
        this.panelsAt + 4 * first * CHUNK,
        this.biasAt,
        outputs,
        this.outputAt,
        4 * PANEL,
      );
      const block = memory.floats(this.outputAt, width * PANEL);
      for (let i = 0; i < positions; i += 1) {
        for (let o = 0; o < outputs; o += 1) total[(first + i) * width + first + o] += block[i * PANEL + o];
      }
    }
    this.filled = 0;
  }
}

function split(
  product: Float64Array,
  sums: Float64Array,
  origin: Float32Array,
  rows: number,
  K: number,
  outputs: number,
): Moments {
  const width = K + outputs;
  const means = sums.map((sum) => sum / rows);
  const covariance = new Float64Array(K * K);
  const cross = new Float64Array(outputs * K);
  for (let i = 0; i < width; i += 1) {
    for (let j = 0; j < K; j += 1) {
      const value = product[i * width + j] / rows - means[i] * means[j];
      if (i < K)
        covariance[i * K + j] = i === j ? value + FLOAT_ERROR * (product[i * width + j] / rows) : value;
      else cross[(i - K) * K + j] = value;
    }
  }
  const shifted = means.map((mean, index) => mean + origin[index]);
  return { inputs: K, outputs, covariance, cross, mean: shifted.slice(0, K), targetMean: shifted.slice(K) };
}
