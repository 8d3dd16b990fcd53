/**
 * Runs a compiled model in the slow interpreter and compares every layer output and the output frame with the
 * reference, element by element.
 */
import { type CompiledModel, inputFrame, outputCodes } from "@sluice/sdk/compile";
import type { Graph } from "@sluice/sdk/graph";
import { type OverlayGeometry, unpackCommands } from "@sluice/sdk/overlay";
import { createReference } from "@sluice/sdk/reference";
import { interpretProgram } from "./program-interpreter.js";

/** The DDR image: sections in place, zeros between them. */
export function imageOf(compiled: CompiledModel): Uint8Array {
  const image = new Uint8Array(compiled.plan.imageBytes);
  for (const section of compiled.sections) image.set(section.bytes, section.offset);
  return image;
}

/** Codes of a tensor of stored integers. */
export function codesOf(stored: ArrayLike<number>, codeOffset: number): Int8Array {
  return Int8Array.from(stored, (value) => value - codeOffset);
}

export interface LayerDifference {
  readonly layer: string;
  readonly tensor: string;
  readonly element: number;
  readonly expected: number;
  readonly found: number;
}

/** The first difference between program and reference, or undefined when every element is equal. */
export function firstDifference(
  graph: Graph,
  compiled: CompiledModel,
  input: Int32Array,
  geometry: OverlayGeometry,
): LayerDifference | undefined {
  const tensors = createReference(graph).runAll(input);
  const { plan } = compiled;
  const image = imageOf(compiled);
  const program = compiled.sections.find((section) => section.kind === "program")!;
  const run = interpretProgram({
    geometry,
    commands: unpackCommands(program.bytes),
    image,
    tables: image.subarray(plan.tablesOffset, plan.tablesOffset + plan.tablesBytes),
    input: inputFrame(codesOf(input, compiled.input.codeOffset), compiled.input, geometry),
    outputBytes: plan.outputFrameBytes,
    scratchBytes: plan.scratchBytes,
  });
  const tensorNamed = (name: string) => tensors[graph.tensors.findIndex((tensor) => tensor.name === name)];
  for (const layer of compiled.layers) {
    const [, width, channels] = layer.shape;
    const [first, end] = layer.rows.map((row) => row * width * channels);
    for (const [at, { tensor, codeOffset }] of layer.outputs.entries()) {
      const expected = codesOf(tensorNamed(tensor).subarray(first, end), codeOffset);
      const difference = compare(expected, run.layers[layer.index].outputs[at].codes);
      if (difference) return { layer: layer.name, tensor, ...difference };
    }
  }
  const expected = codesOf(tensors[graph.output], compiled.output.codeOffset);
  const difference = compare(expected, outputCodes(run.output, compiled.output, geometry));
  return difference && { layer: "output frame", tensor: graph.tensors[graph.output].name, ...difference };
}

function compare(expected: Int8Array, found: Int8Array) {
  if (expected.length !== found.length) {
    return { element: -1, expected: expected.length, found: found.length };
  }
  const element = expected.findIndex((code, index) => code !== found[index]);
  return element < 0 ? undefined : { element, expected: expected[element], found: found[element] };
}
