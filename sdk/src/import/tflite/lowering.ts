/** What the lowering of each operator shares: the graph under construction, checked operands, and errors with a place. */
import { ImportError } from "../../errors.js";
import { MAX_GRAPH_ELEMENTS } from "../../graph/limits.js";
import { elementCount } from "../../graph/lookup.js";
import type { GraphNode, Shape, Tensor, TensorId } from "../../graph/types.js";
import { activationRange, type EightBitType, type IntegerRange, typeRange } from "./activation.js";
import type { TfliteOperator, TfliteTensor } from "./model.js";
import { OperatorAccess } from "./operator-access.js";
import { activationNames } from "./schema.js";

/** A quantised run-time tensor of the file: one scale, one zero point, eight bits. */
export interface Activation {
  readonly source: TfliteTensor;
  readonly type: EightBitType;
  readonly shape: Shape;
  readonly scale: number;
  readonly zeroPoint: number;
}

export class Lowering extends OperatorAccess {
  readonly tensors: Tensor[] = [];
  readonly nodes: GraphNode[] = [];
  readonly notes = new Set<string>();
  /** TFLite tensor index -> graph tensor. */
  readonly produced = new Map<number, TensorId>();
  private readonly names = new Set<string>();
  private readonly nodeNames = new Set<string>();
  private readonly parameters = new Map<string, unknown>();
  private elements = 0;

  /** The graph tensor that holds the run-time operand at `position`. */
  input(operator: TfliteOperator, position = 0): { id: TensorId; tensor: Tensor; activation: Activation } {
    const source = this.operand(operator, position);
    const activation = this.activation(operator, source);
    const id = this.produced.get(source.index);
    if (id !== undefined) return { id, tensor: this.tensors[id], activation };
    const constant = source.data !== undefined;
    throw this.fail(
      operator,
      constant ? "constant-operand" : "unproduced-operand",
      constant
        ? `input ${position} ("${source.name}") is a constant.`
        : `input ${position} ("${source.name}") is not computed by an earlier operator.`,
      {
        expected: "the model's input or the result of an earlier operator",
        found: `tensor ${source.index}`,
        hint: constant
          ? "Fold the constant into the neighbouring convolution before converting the model."
          : "The file is corrupted or needs several inputs; export it again with one input.",
      },
    );
  }

  /** The quantised description of a run-time tensor. */
  activation(operator: TfliteOperator, source: TfliteTensor): Activation {
    const { type, scales, zeroPoints } = source;
    if (type === "FLOAT32" || type === "FLOAT16") {
      throw this.fail(operator, "float-model", `tensor "${source.name}" holds floating-point numbers.`, {
        expected: "INT8 or UINT8",
        found: type,
        hint: "Quantise the model first: `sluice compress MODEL --dataset …` makes an integer model of a float one.",
      });
    }
    if (type !== "INT8" && type !== "UINT8") {
      throw this.fail(operator, "unsupported-type", `tensor "${source.name}" holds ${type}.`, {
        expected: "INT8 or UINT8",
        found: type,
        hint: "Convert the model with 8-bit activations and weights.",
      });
    }
    if (scales.length !== 1) {
      throw this.fail(operator, "bad-quantization", `tensor "${source.name}" needs exactly one scale.`, {
        expected: "1 scale",
        found: `${scales.length}`,
        hint: "Convert the model again with full integer quantisation.",
      });
    }
    const range = typeRange(type);
    const [zeroPoint] = zeroPoints;
    if (zeroPoint < range.min || zeroPoint > range.max) {
      throw this.fail(
        operator,
        "bad-zero-point",
        `tensor "${source.name}" has a zero point outside its type.`,
        {
          expected: `${range.min}..${range.max}`,
          found: String(zeroPoint),
          hint: "The file is corrupted; export it again.",
        },
      );
    }
    return { source, type, scale: scales[0], zeroPoint, shape: this.shape(operator, source) };
  }

  /** The single output of an operator. */
  output(operator: TfliteOperator): Activation {
    if (operator.outputs.length !== 1) {
      throw this.fail(operator, "bad-outputs", "must have one output.", {
        expected: "1",
        found: `${operator.outputs.length}`,
        hint: "The file is corrupted; export it again.",
      });
    }
    const [index] = operator.outputs;
    if (this.produced.has(index)) {
      throw this.fail(operator, "written-twice", `tensor ${index} is written a second time.`, {
        found: `tensor ${index}`,
        hint: "The file is corrupted; export it again.",
      });
    }
    return this.activation(operator, this.model.tensors[index]);
  }

  requireShape(operator: TfliteOperator, computed: Shape, output: Activation): void {
    if (computed.every((extent, axis) => extent === output.shape[axis])) return;
    throw this.fail(operator, "shape-mismatch", "the output shape does not follow from the inputs.", {
      expected: `[${computed}]`,
      found: `[${output.shape}]`,
      hint: "The file is corrupted; export it again.",
    });
  }

  /** For operators that move integers without changing what they stand for. */
  requireSameQuantization(operator: TfliteOperator, input: Activation, output: Activation): void {
    if (input.type === output.type && input.scale === output.scale && input.zeroPoint === output.zeroPoint) {
      return;
    }
    const text = ({ type, scale, zeroPoint }: Activation) =>
      `${type}, scale ${scale}, zero point ${zeroPoint}`;
    throw this.fail(operator, "quantization-changes", "input and output are quantised differently.", {
      expected: text(input),
      found: text(output),
      hint: "Convert the model again: current converters give this operator one quantisation.",
    });
  }

  /** Adds a graph tensor. Names stay unique: a repeated one gets its number appended. */
  addTensor(tensor: Tensor): TensorId {
    this.elements += elementCount(tensor.shape);
    if (this.elements > MAX_GRAPH_ELEMENTS) {
      throw new ImportError("too-large", `${this.model.file} has more activations than Sluice holds.`, {
        place: this.model.file,
        expected: `at most ${MAX_GRAPH_ELEMENTS} elements in all tensors`,
        found: `more, at "${tensor.name}"`,
        hint: "Convert the model with a smaller input.",
      });
    }
    const id = this.tensors.length;
    let { name } = tensor;
    while (this.names.has(name)) name = `${name}#${id}`;
    this.names.add(name);
    this.tensors.push({ ...tensor, name });
    return id;
  }

  /** A node name not used yet; a repeated one gets the number of the node appended. */
  nodeName(base: string): string {
    let name = base;
    while (this.nodeNames.has(name)) name = `${name}#${this.nodes.length}`;
    this.nodeNames.add(name);
    return name;
  }

  /** Adds the tensor an operator writes, under its name in the file. */
  addOutput(output: Activation, range: IntegerRange): TensorId {
    const { source, shape, scale, zeroPoint } = output;
    const id = this.addTensor({ name: source.name, shape, scale, zeroPoint, ...range });
    this.produced.set(source.index, id);
    return id;
  }

  /** The fused activation as a range of the output's integers. */
  fusedRange(operator: TfliteOperator, code: number, output: Activation): IntegerRange {
    const name = activationNames[code];
    const range = name && activationRange(name, output.type, output.scale, output.zeroPoint);
    if (range) return range;
    throw this.fail(
      operator,
      "unsupported-activation",
      `the fused activation ${name ?? code} is not supported.`,
      {
        expected: "NONE, RELU, RELU6 or RELU_N1_TO_1",
        found: name ?? `activation ${code}`,
        hint: "Train the model with one of these activations.",
      },
    );
  }

  /** A parameter array made once per key, so that operators sharing constants share memory too. */
  shared<T>(key: string, make: () => T): T {
    if (!this.parameters.has(key)) this.parameters.set(key, make());
    return this.parameters.get(key) as T;
  }
}
