/**
 * Writes QONNX files: ONNX graphs of float32 tensors whose quantisation is said by `Quant` nodes of the domain
 * `qonnx.custom_op.general` (Pappalardo et al., "QONNX", 2022). Power-of-two scales, zero point 0, rounding half to
 * even. The schema is the importer's, so a file is written and read by one definition.
 *
 * Weights and biases are stored as float32 values that lie on their grid, so a literal evaluation of the file gives
 * the same numbers as an importer that works with the integers.
 */
import { modelProto } from "../import/onnx/schema.js";

/** TensorProto.DataType */
const FLOAT = 1;
/** AttributeProto.AttributeType: readers of the standard library insist on it. */
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_STRING = 3;
const ATTRIBUTE_INTS = 7;
const IR_VERSION = 7;
const OPSET = 13;
const QUANT_DOMAIN = "qonnx.custom_op.general";

export interface QuantFormat {
  /** log2 of the scale. */
  readonly exponent: number;
  readonly bits: number;
  readonly signed: boolean;
  /** Symmetric: without the most negative integer. */
  readonly narrow?: boolean;
}

export interface ConvOptions {
  readonly stride: number;
  readonly padding: number;
}

type Attribute = Record<string, unknown>;

function ints(name: string, values: readonly number[]): Attribute {
  return { name, ints: values, type: ATTRIBUTE_INTS };
}

function int(name: string, value: number): Attribute {
  return { name, i: value, type: ATTRIBUTE_INT };
}

/** Builds a graph node by node; every method returns the name of the tensor it makes. */
export class QonnxWriter {
  private readonly nodes: object[] = [];
  private readonly initializers: object[] = [];
  private readonly parameters = new Map<string, string>();

  constructor(
    private readonly name: string,
    private readonly inputDims: readonly number[],
  ) {}

  readonly input = "input";

  /** A Quant node on an activation. */
  quant(name: string, x: string, format: QuantFormat): string {
    const { exponent, bits, signed, narrow = false } = format;
    const scalars = [2 ** exponent, 0, bits].map((value) => this.scalar(value));
    return this.add("Quant", name, [x, ...scalars], QUANT_DOMAIN, [
      int("signed", signed ? 1 : 0),
      int("narrow", narrow ? 1 : 0),
      { name: "rounding_mode", s: new TextEncoder().encode("ROUND"), type: ATTRIBUTE_STRING },
    ]);
  }

  /** A constant behind a Quant node: integer x 2^exponent, exact below 2^24. Weights are OIHW. */
  quantConstant(
    name: string,
    integers: Int8Array | Int32Array,
    dims: readonly number[],
    format: QuantFormat,
  ): string {
    const values = Float32Array.from(integers, (integer) => integer * 2 ** format.exponent);
    this.constant(name, values, dims);
    return this.quant(`${name}.quant`, name, format);
  }

  /** A square convolution with equal padding on all sides. */
  conv(name: string, x: string, weights: string, bias: string, kernel: number, options: ConvOptions): string {
    const { stride, padding } = options;
    return this.add("Conv", name, [x, weights, bias], "", [
      ints("dilations", [1, 1]),
      int("group", 1),
      ints("kernel_shape", [kernel, kernel]),
      ints("pads", [padding, padding, padding, padding]),
      ints("strides", [stride, stride]),
    ]);
  }

  relu(name: string, x: string): string {
    return this.add("Relu", name, [x]);
  }

  sum(name: string, a: string, b: string): string {
    return this.add("Add", name, [a, b]);
  }

  globalAveragePool(name: string, x: string): string {
    return this.add("GlobalAveragePool", name, [x]);
  }

  /** The bytes of the file, with `output` as the graph's only output. */
  finish(output: string, outputDims: readonly number[]): Uint8Array {
    const value = (name: string, dims: readonly number[]) => ({
      name,
      type: { tensorType: { elemType: FLOAT, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
    });
    const message = {
      irVersion: IR_VERSION,
      producerName: "sluice",
      opsetImport: [
        { domain: "", version: OPSET },
        { domain: QUANT_DOMAIN, version: 1 },
      ],
      graph: {
        name: this.name,
        node: this.nodes,
        initializer: this.initializers,
        input: [value(this.input, this.inputDims)],
        output: [value(output, outputDims)],
      },
    };
    return modelProto.encode(modelProto.fromObject(message)).finish();
  }

  private add(
    opType: string,
    name: string,
    input: readonly string[],
    domain = "",
    attribute: readonly Attribute[] = [],
  ): string {
    const output = `${name}.out`;
    this.nodes.push({ opType, name, input, output: [output], domain, attribute });
    return output;
  }

  private constant(name: string, values: Float32Array, dims: readonly number[]): void {
    const raw = new Uint8Array(values.length * 4);
    const view = new DataView(raw.buffer);
    values.forEach((value, index) => void view.setFloat32(index * 4, value, true));
    this.initializers.push({ name, dims, dataType: FLOAT, rawData: raw });
  }

  /** Scalars (scales, zero points, widths) are shared by value. */
  private scalar(value: number): string {
    const known = this.parameters.get(`${value}`);
    if (known) return known;
    const name = `scalar_${this.parameters.size}`;
    this.constant(name, Float32Array.of(value), []);
    this.parameters.set(`${value}`, name);
    return name;
  }
}
