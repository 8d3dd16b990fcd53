/** Checked access to an operator's operands, shared by the integer and the float meaning of a TensorFlow Lite model. */
import { ImportError, type SluiceErrorFacts } from "../../errors.js";
import { MAX_EXTENT, MAX_TENSOR_ELEMENTS } from "../../graph/limits.js";
import type { Shape } from "../../graph/types.js";
import type { TfliteModel, TfliteOperator, TfliteTensor } from "./model.js";
import { paddingNames } from "./schema.js";

export class OperatorAccess {
  constructor(readonly model: TfliteModel) {}

  fail(operator: TfliteOperator, code: string, message: string, facts: SluiceErrorFacts): ImportError {
    const place = `${this.model.file}, operator ${operator.index} (${operator.op})`;
    return new ImportError(code, `Operator ${operator.index} (${operator.op}): ${message}`, {
      place,
      ...facts,
    });
  }

  /** The operand at `position`, which must be there. */
  operand(operator: TfliteOperator, position: number): TfliteTensor {
    const tensor = this.optionalOperand(operator, position);
    if (tensor !== undefined) return tensor;
    throw this.fail(operator, "missing-operand", `input ${position} is missing.`, {
      expected: `at least ${position + 1} inputs`,
      found: `[${operator.inputs.slice(0, 16)}]`,
      hint: "The file is corrupted; export it again.",
    });
  }

  optionalOperand(operator: TfliteOperator, position: number): TfliteTensor | undefined {
    return this.model.tensors[operator.inputs[position] ?? -1];
  }

  /** Data of a constant operand. */
  constant(operator: TfliteOperator, source: TfliteTensor): Uint8Array {
    if (source.data !== undefined) return source.data;
    throw this.fail(operator, "not-constant", `tensor "${source.name}" must be a constant.`, {
      found: `tensor ${source.index} without data`,
      hint: "Convert the model with its weights frozen.",
    });
  }

  /** A constant INT32 or INT64 operand (axes, paddings) as numbers. */
  integers(operator: TfliteOperator, source: TfliteTensor): number[] {
    const data = this.constant(operator, source);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    if (data.length <= 1024) {
      if (source.type === "INT32") {
        return Array.from({ length: data.length / 4 }, (_, index) => view.getInt32(4 * index, true));
      }
      if (source.type === "INT64") {
        return Array.from({ length: data.length / 8 }, (_, index) =>
          Number(view.getBigInt64(8 * index, true)),
        );
      }
    }
    throw this.fail(operator, "bad-operand", `tensor "${source.name}" must hold a few integers.`, {
      expected: "INT32 or INT64, at most 1024 bytes",
      found: `${source.type}, ${data.length} bytes`,
      hint: "The file is corrupted; export it again.",
    });
  }

  /** [height, width, channels] without the batch, which must be 1. */
  shape(operator: TfliteOperator, source: TfliteTensor): Shape {
    const { shape } = source;
    const batch = shape.length >= 2 ? shape[0] : 1;
    const rest = shape.length >= 2 ? shape.slice(1) : shape;
    const extents = [...Array<number>(Math.max(0, 3 - rest.length)).fill(1), ...rest];
    const elements = extents.reduce((product, extent) => product * extent, 1);
    const fits =
      extents.every((extent) => extent >= 1 && extent <= MAX_EXTENT) && elements <= MAX_TENSOR_ELEMENTS;
    if (batch !== 1 || extents.length !== 3 || !fits) {
      throw this.fail(operator, "bad-shape", `tensor "${source.name}" has the shape [${shape}].`, {
        expected: `batch 1, then at most 3 extents of 1..${MAX_EXTENT}, at most ${MAX_TENSOR_ELEMENTS} elements`,
        found: `[${shape}]`,
        hint: "Convert the model with a fixed input shape and a batch of 1.",
      });
    }
    return [extents[0], extents[1], extents[2]];
  }

  /** Requires NHWC with the batch spelt out: the axes of windows mean nothing otherwise. */
  requireRank4(operator: TfliteOperator, tensor: TfliteTensor): void {
    if (tensor.shape.length === 4) return;
    throw this.fail(operator, "bad-rank", `tensor "${tensor.name}" must have four dimensions.`, {
      expected: "[1, height, width, channels]",
      found: `[${tensor.shape}]`,
      hint: "The file is corrupted; export it again.",
    });
  }

  paddingName(operator: TfliteOperator, code: number): (typeof paddingNames)[number] {
    const name = paddingNames[code];
    if (name) return name;
    throw this.fail(operator, "bad-padding", `the padding scheme ${code} does not exist.`, {
      expected: paddingNames.join(" or "),
      found: String(code),
      hint: "The file is corrupted; export it again.",
    });
  }

  /** Strides, dilations and kernel sizes. */
  requireExtents(operator: TfliteOperator, what: string, extents: readonly number[]): void {
    if (extents.every((extent) => extent >= 1 && extent <= MAX_EXTENT)) return;
    throw this.fail(operator, "bad-window", `the ${what} is [${extents}].`, {
      expected: `1..${MAX_EXTENT}`,
      found: `[${extents}]`,
      hint: "The file is corrupted; export it again.",
    });
  }
}
