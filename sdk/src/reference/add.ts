/** Addition of two tensors after scaling each. */
import type { AddendScale, AddNode, Tensor } from "../graph/types.js";
import { applyStage, stageParameters } from "./rounding.js";

/** Largest input range that is worth a table of scaled addends (8-bit tensors always are). */
const TABLE_RANGE = 4_096;

export type Addition = (a: Int32Array, b: Int32Array, output: Int32Array) => void;

/** B(A((x - zeroPoint) * 2^leftShift)), as documented in graph/types.ts. */
export function scaledAddend(x: number, scale: AddendScale): number {
  const a = applyStage((x - scale.zeroPoint) * 2 ** scale.leftShift, stageParameters(scale.stageA, 0));
  return scale.stageB ? applyStage(a, stageParameters(scale.stageB, 0)) : a;
}

export function prepareAdd(node: AddNode, a: Tensor, b: Tensor): Addition {
  const [scaleA, scaleB] = node.scales;
  if (a.max - a.min >= TABLE_RANGE || b.max - b.min >= TABLE_RANGE) {
    return (x, y, output) => {
      for (let index = 0; index < output.length; index += 1) {
        output[index] = scaledAddend(x[index], scaleA) + scaledAddend(y[index], scaleB);
      }
    };
  }
  const tableA = addendTable(a, scaleA);
  const tableB = addendTable(b, scaleB);
  const baseA = a.min;
  const baseB = b.min;
  return (x, y, output) => {
    for (let index = 0; index < output.length; index += 1) {
      output[index] = tableA[x[index] - baseA] + tableB[y[index] - baseB];
    }
  };
}

function addendTable(tensor: Tensor, scale: AddendScale): Int32Array {
  const length = tensor.max - tensor.min + 1;
  return Int32Array.from({ length }, (_, index) => scaledAddend(tensor.min + index, scale));
}
