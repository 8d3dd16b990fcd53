/** Writes small QONNX files: nodes, constants and Quants in order, encoded with the importer's protobuf schema. */
import { attributeTypes, modelProto } from "@sluice/sdk/import/onnx/schema.js";

export type AttributeValue = number | string | readonly number[];

export interface QuantSpec {
  readonly scale: number | readonly number[];
  /** Dimensions of a scale with several values; default one row. */
  readonly scaleDims?: readonly number[];
  readonly bits?: number;
  readonly signed?: boolean;
  readonly narrow?: boolean;
  readonly zeroPoint?: number;
  readonly rounding?: string;
}

/** TensorProto.DataType of the types the builder writes. */
const dataTypes = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10, double: 11 } as const;
export type DataTypeName = keyof typeof dataTypes;

export class OnnxBuilder {
  readonly nodes: object[] = [];
  readonly initializers: object[] = [];
  #names = 0;

  constructor(readonly quantDomain = "qonnx.custom_op.general") {}

  name(stem: string): string {
    this.#names += 1;
    return `${stem}_${this.#names}`;
  }

  /** An initializer; returns its name. Raw data unless `typed`. */
  constant(
    values: readonly number[],
    dims: readonly number[] = [values.length],
    type: DataTypeName = "float",
    typed = false,
  ): string {
    const name = this.name("constant");
    this.initializers.push({ name, dims, dataType: dataTypes[type], ...payload(values, type, typed) });
    return name;
  }

  /** A node with one output; returns the output's name. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): string {
    const output = this.name(opType);
    const attribute = Object.entries(attributes).map(([name, value]) => {
      if (typeof value === "string") {
        return { name, type: attributeTypes.STRING, s: new TextEncoder().encode(value) };
      }
      if (typeof value !== "number") return { name, type: attributeTypes.INTS, ints: value };
      return Number.isInteger(value)
        ? { name, type: attributeTypes.INT, i: value }
        : { name, type: attributeTypes.FLOAT, f: value };
    });
    this.nodes.push({ opType, domain, input: inputs, output: [output], name: `node_${output}`, attribute });
    return output;
  }

  quant(x: string, spec: QuantSpec): string {
    const { scale, bits = 8, signed = true, narrow = false, zeroPoint = 0, rounding = "ROUND" } = spec;
    const scales = typeof scale === "number" ? [scale] : scale;
    const inputs = [
      x,
      this.constant(scales, spec.scaleDims ?? (scales.length === 1 ? [] : [scales.length])),
      this.constant([zeroPoint], []),
      this.constant([bits], []),
    ];
    const attributes = { signed: Number(signed), narrow: Number(narrow), rounding_mode: rounding };
    return this.node("Quant", inputs, attributes, this.quantDomain);
  }

  /** A Constant node that holds a float tensor. */
  constantNode(values: readonly number[], dims: readonly number[]): string {
    const output = this.name("Constant");
    const t = { dims, dataType: dataTypes.float, ...payload(values, "float", true) };
    const attribute = [{ name: "value", type: attributeTypes.TENSOR, t }];
    this.nodes.push({ opType: "Constant", domain: "", input: [], output: [output], name: output, attribute });
    return output;
  }

  /** The bytes of a model with one input called "input". */
  build(output: string, inputDims: readonly number[], opset = 13): Uint8Array {
    const dim = inputDims.map((dimValue) => ({ dimValue }));
    const message = {
      irVersion: 7,
      graph: {
        name: "built",
        node: this.nodes,
        initializer: this.initializers,
        input: [{ name: "input", type: { tensorType: { elemType: 1, shape: { dim } } } }],
        output: [{ name: output }],
      },
      opsetImport: [{ domain: "", version: opset }],
    };
    return modelProto.encode(modelProto.fromObject(message)).finish();
  }
}

function payload(values: readonly number[], type: DataTypeName, typed: boolean): object {
  if (typed && type === "float") return { floatData: values };
  if (typed && type === "double") return { doubleData: values };
  if (typed && type === "int64") return { int64Data: values };
  if (typed) return { int32Data: values };
  const arrays = {
    float: () => Float32Array.from(values),
    double: () => Float64Array.from(values),
    uint8: () => Uint8Array.from(values),
    int8: () => Int8Array.from(values),
    int32: () => Int32Array.from(values),
    int64: () => BigInt64Array.from(values, BigInt),
    float16: () => Uint16Array.from(values),
  };
  return { rawData: new Uint8Array(arrays[type]().buffer) };
}
