/** What the classes of codec `rice` mean, for its encoder and decoder (docs/formats/rice-stream.md). */
import type { CodedHeader } from "../ans/header.js";
import type { ModelTables } from "../ans/tables.js";
import type { WeightLayout } from "../types.js";
import { halfOctaves } from "./golomb.js";

export const CLASSES = 16;
export const SPARSE_CLASSES = 8;
export const SHAPE_BITS = 2;
export const PARAMETER_BITS = 3;
/** Bits of |weight| - 1. */
export const MAGNITUDE_BITS = 7;

/** What the header is checked against: sixteen classes, no tables. */
export const classesOnly: ModelTables = {
  log: 9,
  tables: [],
  classes: Array.from({ length: CLASSES }, () => ({ table: 0, shift: 0, from: 0, tail: 0 })),
};

export const shapes = { geometric: 0, flat: 1, sparse: 2, listed: 3 } as const;
/** Divisors of the classes of a layer that is not sparse, by its shape. */
export const denseDivisors = [shapes.geometric, shapes.flat].map((shape) =>
  halfOctaves(shape === shapes.flat),
);

/** Values a listed layer has at most. */
export const MOST_LISTED = 16;
/** Of the number of values, less one. */
export const LISTED_BITS = 4;

/** Bits of an index into the values of a listed layer. */
export function listedBits(values: number): number {
  return 32 - Math.clz32(values - 1);
}

/** Runs of a sparse class have at most 2^r zeros. */
export function runLog(sparseClass: number): number {
  return SPARSE_CLASSES - 1 - sparseClass;
}

/** Calls back with the class of every weight in demand order. */
export function forEachClass(
  header: CodedHeader,
  { outputs, inputs, outputTile }: WeightLayout,
  visit: (index: number, own: number) => void,
): void {
  let index = 0;
  for (let tile = 0; tile < outputs; tile += outputTile) {
    const end = Math.min(tile + outputTile, outputs);
    for (const tap of header.c) {
      for (let input = 0; input < inputs; input += 1) {
        const shared = header.base + tap + header.b[input];
        for (let output = tile; output < end; output += 1, index += 1) {
          visit(index, Math.min(Math.max(shared + header.a[output], header.first), header.last));
        }
      }
    }
  }
}
