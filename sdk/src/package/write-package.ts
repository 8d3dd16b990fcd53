/** Turns a compiled model and its graph into the bytes of a `.sluice` file. The same model gives the same bytes. */
import { createHash } from "node:crypto";
import { encodeCbor } from "../cbor/index.js";
import type { CompiledModel } from "../compile/types.js";
import type { Graph } from "../graph/types.js";
import { HEADER_BYTES, PACKAGE_MAGIC, PACKAGE_VERSION, type SectionEntry } from "./format.js";
import { encodeGraphSection } from "./graph-section.js";
import { decodeLayerWeights } from "./layer-weights.js";

export const PRODUCER = "sluice 0.1.0";

export function writePackage(compiled: CompiledModel, graph: Graph, preprocessing: unknown): Uint8Array {
  const graphBytes = encodeGraphSection(graph, decodeLayerWeights(compiled));
  const contents = [...compiled.sections.map((section) => section.bytes), graphBytes];
  const sections: SectionEntry[] = compiled.sections.map(({ kind, name, offset, bytes }) => ({
    kind,
    name,
    bytes: bytes.length,
    sha256: sha256(bytes),
    imageOffset: offset,
  }));
  sections.push({
    kind: "graph",
    name: "graph",
    bytes: graphBytes.length,
    sha256: sha256(graphBytes),
    imageOffset: null,
  });
  const { name, codec, plan, input, output, layers, memory, notes } = compiled;
  const manifest = encodeCbor({
    producer: PRODUCER,
    name,
    codec,
    source: graph.source,
    plan,
    input,
    output,
    preprocessing,
    layers,
    memory,
    notes,
    sections,
  });

  const total = contents.reduce((sum, bytes) => sum + bytes.length, HEADER_BYTES + manifest.length);
  const file = new Uint8Array(total);
  const view = new DataView(file.buffer);
  file.set(PACKAGE_MAGIC);
  view.setUint32(8, PACKAGE_VERSION, true);
  view.setUint32(12, manifest.length, true);
  file.set(sha256(manifest), 16);
  file.set(manifest, HEADER_BYTES);
  let at = HEADER_BYTES + manifest.length;
  for (const bytes of contents) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}
