/** The path from the model's one input to its one output. */
import { ImportError } from "../../errors.js";
import type { TfliteModel, TfliteOperator } from "./model.js";

/** The single index of `indices`. @throws {ImportError} when there are several inputs or outputs, or none. */
export function requireOne(model: TfliteModel, what: string, indices: readonly number[]): readonly number[] {
  if (indices.length === 1) return indices;
  throw new ImportError("unsupported-signature", `${model.file} has ${indices.length} ${what}s.`, {
    place: model.file,
    expected: `one ${what}`,
    found: `${indices.length}`,
    hint: "Export a model with one image input and one output.",
  });
}

/** The operators the output depends on, in file order (which is execution order). */
export function neededOperators(model: TfliteModel, outputIndex: number): TfliteOperator[] {
  const wanted = new Set([outputIndex]);
  const needed: TfliteOperator[] = [];
  for (const operator of [...model.operators].reverse()) {
    if (!operator.outputs.some((index) => wanted.has(index))) continue;
    for (const index of operator.inputs) wanted.add(index);
    needed.push(operator);
  }
  return needed.reverse();
}
