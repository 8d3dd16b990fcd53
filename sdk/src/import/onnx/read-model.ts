/** The bytes of an `.onnx` file to an OnnxModel. */
import { ImportError } from "../../errors.js";
import type { Attribute, Constant, OnnxModel, OnnxNode } from "./model.js";
import {
  type AttributeProto,
  attributeTypes,
  type GraphProto,
  type ModelProto,
  modelProto,
  type NodeProto,
} from "./schema.js";
import { decodeTensor, toInteger } from "./tensor-data.js";

/** Larger files are refused before anything is read. */
export const MAX_FILE_BYTES = 512 * 1024 * 1024;
const MAX_NODES = 5_000;

/** @throws {ImportError} when the file is no ONNX model, is damaged, or keeps tensors elsewhere. */
export function readModel(bytes: Uint8Array, file: string): OnnxModel {
  const { graph, opsetImport } = decode(bytes, file);
  if (!graph || graph.node.length === 0) {
    throw new ImportError("not-onnx", "The file is not an ONNX model with a graph.", {
      place: file,
      hint: "Give a .onnx or .tflite file.",
    });
  }
  if (graph.node.length > MAX_NODES) {
    throw new ImportError("too-large", "The model has too many nodes.", {
      place: file,
      expected: `at most ${MAX_NODES}`,
      found: `${graph.node.length}`,
    });
  }
  const constants = new Map<string, Constant>();
  for (const tensor of graph.initializer) constants.set(tensor.name, decodeTensor(tensor, tensor.name));
  const standard = opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  return {
    file,
    nodes: uniquelyNamed(graph.node.map(readNode)),
    constants,
    quantized: new Map(),
    input: onlyInput(graph, constants, file),
    output: onlyOutput(graph, file),
    opset: standard ? toInteger(standard.version) : 0,
    notes: [],
  };
}

function decode(bytes: Uint8Array, file: string): ModelProto {
  if (bytes.length > MAX_FILE_BYTES) {
    throw new ImportError("too-large", "The model file is too large.", {
      place: file,
      expected: `at most ${MAX_FILE_BYTES} bytes`,
      found: `${bytes.length} bytes`,
    });
  }
  try {
    return modelProto.decode(bytes) as unknown as ModelProto;
  } catch (cause) {
    // The decoder throws RangeError and Error alike; whatever it is, the bytes are not a message of this schema.
    throw new ImportError("malformed-protobuf", "The file is not a readable ONNX protobuf.", {
      place: file,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "The file may be truncated or damaged: copy it again, or check it with onnx.checker.check_model.",
      cause,
    });
  }
}

function readNode(node: NodeProto): OnnxNode {
  const attributes = new Map<string, Attribute>();
  for (const attribute of node.attribute) {
    const value = readAttribute(attribute, node);
    if (value !== undefined) attributes.set(attribute.name, value);
  }
  const { name, opType, input, output } = node;
  const domain = node.domain === "ai.onnx" ? "" : node.domain;
  return { name, opType, domain, inputs: input, outputs: output, attributes };
}

/**
 * The decoder leaves out fields that are zero, so the declared type says what is meant. Types that no supported
 * operator has (graphs, lists of strings) are left out: an unsupported operator is refused by its name later.
 */
function readAttribute(attribute: AttributeProto, node: NodeProto): Attribute | undefined {
  const place = `${node.name || node.opType}.${attribute.name}`;
  switch (attribute.type) {
    case attributeTypes.FLOAT:
      return attribute.f;
    case attributeTypes.INT:
      return toInteger(attribute.i);
    case attributeTypes.STRING:
      // An absent bytes field decodes to a plain empty array.
      return new TextDecoder().decode(Uint8Array.from(attribute.s));
    case attributeTypes.FLOATS:
      return [...attribute.floats];
    case attributeTypes.INTS:
      return attribute.ints.map(toInteger);
    case attributeTypes.TENSOR:
      return attribute.t ? decodeTensor(attribute.t, place) : undefined;
    default:
      return undefined;
  }
}

/** Names are optional in ONNX and need not be unique; here they are neither. */
function uniquelyNamed(nodes: readonly OnnxNode[]): OnnxNode[] {
  const taken = new Set<string>();
  return nodes.map((node, index) => {
    let name = node.name || `${node.opType}_${index}`;
    while (taken.has(name)) name = `${name}_${index}`;
    taken.add(name);
    return { ...node, name };
  });
}

function onlyInput(
  graph: GraphProto,
  constants: ReadonlyMap<string, Constant>,
  file: string,
): OnnxModel["input"] {
  // Old files list their initializers as inputs too.
  const inputs = graph.input.filter(({ name }) => !constants.has(name));
  if (inputs.length !== 1) {
    throw new ImportError("input-count", "The model must have exactly one input.", {
      place: file,
      expected: "1 input",
      found: `${inputs.length} (${inputs.map(({ name }) => name).join(", ")})`,
      hint: "Export the model with a single picture as its input.",
    });
  }
  const [{ name, type }] = inputs;
  const dims = (type?.tensorType?.shape?.dim ?? []).map(({ dimValue }) => {
    const size = toInteger(dimValue);
    return size > 0 ? size : undefined;
  });
  return { name, dims };
}

function onlyOutput(graph: GraphProto, file: string): string {
  if (graph.output.length === 1) return graph.output[0].name;
  throw new ImportError("output-count", "The model must have exactly one output.", {
    place: file,
    expected: "1 output",
    found: `${graph.output.length} (${graph.output.map(({ name }) => name).join(", ")})`,
    hint: "Export the model with only its classifier as output.",
  });
}
