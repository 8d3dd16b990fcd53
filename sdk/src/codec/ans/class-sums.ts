/** Which entries the weights of a layer use: the class rule of weight-stream.md, section 3, as look-ups. */
import type { WeightLayout } from "../types.js";
import type { CodedHeader } from "./header.js";

/** base + a + b + c lies in -32..100; one look-up clips it and finds the class's entries. */
const SUM_OFFSET = 32;
const SUMS = 160;

export class ClassSums {
  /** base + b + c of each row, less the least of the layer: 0..count - 1. */
  readonly rowSums: Int32Array;
  readonly count: number;
  private readonly least: number;
  private readonly classEntries = new Int32Array(SUMS);

  constructor(
    private readonly header: CodedHeader,
    log: number,
    { inputs }: WeightLayout,
  ) {
    const { b, c, base, first, last } = header;
    this.rowSums = new Int32Array(c.length * inputs);
    let least = SUMS;
    let most = 0;
    for (let tap = 0, row = 0; tap < c.length; tap += 1) {
      for (let input = 0; input < inputs; input += 1, row += 1) {
        const sum = SUM_OFFSET + base + c[tap] + b[input];
        this.rowSums[row] = sum;
        least = Math.min(least, sum);
        most = Math.max(most, sum);
      }
    }
    for (let row = 0; row < this.rowSums.length; row += 1) this.rowSums[row] -= least;
    this.least = least;
    this.count = most - least + 1;
    for (let sum = 0; sum < SUMS; sum += 1) {
      this.classEntries[sum] = Math.min(Math.max(sum - SUM_OFFSET, first), last) << log;
    }
  }

  /**
   * The entries of the channels first .. first + width - 1 for each row sum, as [sum][channel]: `start` plus the index of the
   * class's first entry times `scale`.
   */
  prepareTile(entries: Int32Array, first: number, width: number, start = 0, scale = 1): void {
    const { a } = this.header;
    for (let sum = 0, at = 0; sum < this.count; sum += 1) {
      for (let channel = 0; channel < width; channel += 1, at += 1) {
        entries[at] = start + scale * this.classEntries[this.least + sum + a[first + channel]];
      }
    }
  }
}
