/** Rows times one fixed symmetric matrix, in float32 with the WebAssembly kernels: what iterations on a layer repeat. */
import { KernelMemory } from "../reference/float/kernel.js";

const PANEL = 8;

export class MatrixProduct {
  private readonly memory = new KernelMemory();
  private readonly rowsAt: number;
  private readonly offsetsAt: number;
  private readonly segmentsAt: number;
  private readonly panelsAt: number;
  private readonly biasAt: number;
  private readonly outputAt: number;

  /** @param matrix [size][size], symmetric @param rows of the left factor */
  constructor(
    matrix: Float64Array,
    private readonly size: number,
    private readonly rows: number,
  ) {
    const { memory } = this;
    const panels = Math.ceil(size / PANEL);
    const packed = new Float32Array(panels * size * PANEL);
    for (let k = 0; k < size; k += 1) {
      for (let o = 0; o < size; o += 1) {
        packed[(Math.floor(o / PANEL) * size + k) * PANEL + (o % PANEL)] = matrix[k * size + o];
      }
    }
    this.panelsAt = memory.store(packed);
    this.rowsAt = memory.allocate(4 * rows * size);
    this.offsetsAt = memory.store(Int32Array.from({ length: rows }, (_, row) => 4 * row * size));
    this.segmentsAt = memory.store(Int32Array.of(0));
    this.biasAt = memory.store(new Float32Array(panels * PANEL));
    this.outputAt = memory.allocate(4 * rows * size);
  }

  /** @param left [rows][size] @returns left times the matrix, [rows][size]; valid until the next call */
  times(left: Float32Array): Float32Array {
    const { memory, size, rows } = this;
    memory.floats(this.rowsAt, rows * size).set(left);
    memory.kernels.convolve(
      this.rowsAt,
      this.offsetsAt,
      rows,
      this.segmentsAt,
      1,
      size,
      this.panelsAt,
      this.biasAt,
      size,
      this.outputAt,
      4 * size,
    );
    return memory.floats(this.outputAt, rows * size);
  }
}
