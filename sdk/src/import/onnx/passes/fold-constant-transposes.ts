/** A Transpose of a quantised matrix (as linear layers are exported) becomes another constant. */
import { integersAttribute } from "../attributes.js";
import { nodeError, type OnnxModel } from "../model.js";

export function foldConstantTransposes(model: OnnxModel): void {
  model.nodes = model.nodes.filter((node) => {
    const matrix = node.opType === "Transpose" ? model.quantized.get(node.inputs[0] ?? "") : undefined;
    if (matrix === undefined) return true;
    const permutation = integersAttribute(node, "perm") ?? matrix.dims.map((_, axis) => axis).reverse();
    if (
      matrix.dims.length !== 2 ||
      permutation.length !== 2 ||
      permutation[0] !== 1 ||
      permutation[1] !== 0
    ) {
      throw nodeError(node, "unsupported-transpose", "Only matrices can be transposed.", {
        expected: "a constant of two dimensions, perm [1, 0]",
        found: `dimensions [${matrix.dims.join(", ")}], perm [${permutation.join(", ")}]`,
      });
    }
    const [rows, columns] = matrix.dims;
    const integers = new Int32Array(matrix.integers.length);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        integers[column * rows + row] = matrix.integers[row * columns + column];
      }
    }
    const axis = matrix.exponents.length === 1 ? 0 : 1 - matrix.axis;
    model.quantized.set(node.outputs[0] ?? "", { ...matrix, dims: [columns, rows], integers, axis });
    return false;
  });
}
