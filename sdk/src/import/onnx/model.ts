/** An ONNX model after reading: names instead of protobuf objects, attributes and constants with plain numbers. */
import { ImportError, type SluiceErrorFacts } from "../../errors.js";

/** A constant tensor; values are exact (integers beyond 2^53 are refused while reading). */
export interface Constant {
  readonly dims: readonly number[];
  readonly values: Float64Array;
  /** Stored in an integer type: then it may already hold quantised integers. */
  readonly isInteger: boolean;
  /** ONNX's name of the element type ("float", "uint8", ...) where the file gives one. */
  readonly typeName?: string;
}

export type Attribute = number | string | readonly number[] | Constant;

export interface OnnxNode {
  /** Unique. */
  readonly name: string;
  readonly opType: string;
  /** "" for standard operators. */
  readonly domain: string;
  /** "" for an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** What passes transform. Activations are still NCHW here. */
export interface OnnxModel {
  readonly file: string;
  nodes: OnnxNode[];
  readonly constants: Map<string, Constant>;
  /** Constants that a Quant node put on a grid (filled by the pass foldConstantQuants). */
  readonly quantized: Map<string, QuantizedConstant>;
  readonly input: { readonly name: string; readonly dims: readonly (number | undefined)[] };
  output: string;
  readonly opset: number;
  readonly notes: string[];
}

/** A constant that lies on a power-of-two grid: value = (integer - zeroPoint) * 2^exponent. */
export interface QuantizedConstant {
  readonly dims: readonly number[];
  readonly integers: Int32Array;
  /** One for the tensor, or one per index along `axis`. */
  readonly exponents: Int32Array;
  readonly axis: number;
  readonly zeroPoint: number;
  readonly bits: number;
  readonly signed: boolean;
}

/** The two domains that Quant nodes come in; standard operators have none. */
export const quantDomains: readonly string[] = ["onnx.brevitas", "qonnx.custom_op.general"];

export function isQuant(node: OnnxNode): boolean {
  return node.opType === "Quant" && quantDomains.includes(node.domain);
}

/** An ImportError that names the node. */
export function nodeError(
  node: OnnxNode,
  code: string,
  message: string,
  facts: SluiceErrorFacts = {},
): ImportError {
  return new ImportError(code, message, { place: `node "${node.name}" (${node.opType})`, ...facts });
}

/** The nodes that read a tensor. */
export function readers(model: OnnxModel, tensor: string): OnnxNode[] {
  return model.nodes.filter((node) => node.inputs.includes(tensor));
}

/** The same node with every occurrence of one input renamed. */
export function withInput(node: OnnxNode, from: string, to: string): OnnxNode {
  if (!node.inputs.includes(from)) return node;
  return { ...node, inputs: node.inputs.map((input) => (input === from ? to : input)) };
}
