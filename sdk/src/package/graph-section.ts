/**
 * The graph inside a package, so that a `.sluice` file alone can be verified against the reference.
 *
 * Convolution weights are not stored twice: where a layer's decoded weights plus a constant equal the graph's, the
 * section holds only a pointer and a hash. Otherwise (grouped layers, which the engine gets expanded) they are inline.
 * The whole section is a zlib stream around CBOR.
 */
import { createHash } from "node:crypto";
import pako from "pako";
import { decodeCbor, encodeCbor } from "../cbor/index.js";
import { PackageError, SluiceError } from "../errors.js";
import type { Graph, GraphNode } from "../graph/types.js";
import { validateGraph } from "../graph/validate.js";
import { packageLimits } from "./format.js";
import { packValue, unpackValue } from "./typed-values.js";

/** Decoded weights of each engine layer in OHWI order, by the name of the weight section. */
export type DecodedWeights = ReadonlyMap<string, Int8Array>;

interface WeightReference {
  readonly section: string;
  /** Added to every decoded weight: 128 for uint8 models. */
  readonly offset: number;
  readonly sha256: Uint8Array;
}

export function encodeGraphSection(graph: Graph, decoded: DecodedWeights): Uint8Array {
  const nodes = graph.nodes.map((node) => {
    const reference = node.kind === "convolution" ? findWeights(node.weights, decoded) : undefined;
    if (!reference) return packValue(node);
    const { weights: _weights, ...rest } = node as GraphNode & { weights: Int16Array };
    return { ...(packValue(rest) as object), weightReference: reference };
  });
  const document = { ...(packValue({ ...graph, nodes: [] }) as object), nodes };
  return pako.deflate(encodeCbor(document), { level: 9 });
}

/** @throws {PackageError} `corrupt-graph`, `weights-mismatch` */
export function decodeGraphSection(section: Uint8Array, decoded: DecodedWeights): Graph {
  try {
    const graph = unpackValue(decodeCbor(inflateBounded(section))) as Omit<Graph, "nodes"> & {
      nodes: Record<string, unknown>[];
    };
    const restored: Graph = { ...graph, nodes: graph.nodes.map((node) => restoreWeights(node, decoded)) };
    validateGraph(restored);
    return restored;
  } catch (cause) {
    if (cause instanceof PackageError) throw cause;
    // A document of the wrong shape shows as a TypeError or RangeError somewhere in the checks.
    if (cause instanceof SluiceError || cause instanceof TypeError || cause instanceof RangeError) {
      throw corruptGraph("The graph section cannot be read.", cause);
    }
    throw cause;
  }
}

function findWeights(weights: Int16Array, decoded: DecodedWeights): WeightReference | undefined {
  for (const [section, candidate] of decoded) {
    if (candidate.length !== weights.length || weights.length === 0) continue;
    const offset = weights[0] - candidate[0];
    if (candidate.every((value, index) => value + offset === weights[index])) {
      return { section, offset, sha256: hashWeights(weights) };
    }
  }
  return undefined;
}

function restoreWeights(node: Record<string, unknown>, decoded: DecodedWeights): GraphNode {
  const { weightReference, ...rest } = node;
  if (weightReference === undefined) return node as unknown as GraphNode;
  const reference = weightReference as WeightReference;
  const source = decoded.get(reference.section);
  if (!source) throw corruptGraph(`The weight section "${reference.section}" is missing.`);
  const weights = Int16Array.from(source, (value) => value + reference.offset);
  const expected = Buffer.from(reference.sha256).toString("hex");
  const found = Buffer.from(hashWeights(weights)).toString("hex");
  if (expected !== found) {
    throw new PackageError("weights-mismatch", "Decoded weights differ from the weights that were packed.", {
      place: String(node.name),
      expected: `SHA-256 ${expected}`,
      found: `SHA-256 ${found}`,
      hint: "The package was made by a defective packer: pack the model again with this version.",
    });
  }
  return { ...rest, weights } as unknown as GraphNode;
}

function hashWeights(weights: Int16Array): Uint8Array {
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** Stops as soon as the output passes the limit, so a bomb costs no memory. */
function inflateBounded(section: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const inflator = new pako.Inflate({});
  inflator.onData = (chunk: Uint8Array) => {
    total += chunk.length;
    if (total > packageLimits.sectionBytes)
      throw corruptGraph("The graph section inflates beyond its limit.");
    chunks.push(chunk);
  };
  const ended = inflator.push(section, true);
  if (!ended || inflator.err !== 0) throw corruptGraph("The graph section cannot be inflated.");
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function corruptGraph(message: string, cause?: unknown): PackageError {
  return new PackageError("corrupt-graph", message, {
    cause,
    hint: "Get the package again, or pack it again from its model file.",
  });
}
