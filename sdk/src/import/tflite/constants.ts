/** Constant tensors of a TensorFlow Lite file as real numbers, whatever they are stored as. */
import { float16 } from "../float16.js";
import type { TfliteOperator, TfliteTensor } from "./model.js";
import type { OperatorAccess } from "./operator-access.js";

/**
 * FLOAT32 and FLOAT16 as they are; INT8, UINT8, INT16 and INT32 as (stored - zeroPoint) * scale, one scale or one
 * per index along the tensor's quantised dimension.
 */
export function realConstant(
  access: OperatorAccess,
  operator: TfliteOperator,
  source: TfliteTensor,
): Float32Array {
  const data = access.constant(operator, source);
  access.model.charge(data.length);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const { type, shape, scales, zeroPoints, quantizedDimension } = source;
  switch (type) {
    case "FLOAT32":
      return Float32Array.from({ length: data.length / 4 }, (_, index) => view.getFloat32(4 * index, true));
    case "FLOAT16":
      return Float32Array.from({ length: data.length / 2 }, (_, index) =>
        float16(view.getUint16(2 * index, true)),
      );
    case "INT8":
    case "UINT8":
    case "INT16":
    case "INT32":
      break;
    default:
      throw access.fail(operator, "unsupported-type", `tensor "${source.name}" holds ${type}.`, {
        expected: "FLOAT32, FLOAT16, INT8, UINT8, INT16 or INT32",
        found: type,
        hint: "Convert the model with float32 weights.",
      });
  }
  const extent = shape[quantizedDimension] ?? 1;
  if (scales.length !== 1 && scales.length !== extent) {
    throw access.fail(operator, "bad-quantization", `tensor "${source.name}" has ${scales.length} scales.`, {
      expected: `1 or ${extent}`,
      found: `${scales.length}`,
      hint: "The file is corrupted; export it again.",
    });
  }
  const bytes = { INT8: 1, UINT8: 1, INT16: 2, INT32: 4 }[type];
  const read = (index: number): number => {
    const at = index * bytes;
    if (type === "INT8") return view.getInt8(at);
    if (type === "UINT8") return view.getUint8(at);
    return type === "INT16" ? view.getInt16(at, true) : view.getInt32(at, true);
  };
  // Elements from one index of the quantised dimension to the next.
  const inner = shape.slice(quantizedDimension + 1).reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: data.length / bytes }, (_, index) => {
    const channel = scales.length === 1 ? 0 : Math.floor(index / inner) % extent;
    return (read(index) - zeroPoints[channel]) * scales[channel];
  });
}
