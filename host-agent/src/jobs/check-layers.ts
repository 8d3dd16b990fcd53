/** Runs single images on the board and compares the CRC of every layer's output with the reference's. */
import type { CompiledModel, LayerInfo } from "@sluice/sdk/compile";
import type { Graph } from "@sluice/sdk/graph";
import { createReference } from "@sluice/sdk/reference";
import type { BoardSession, LayerReadout } from "./board-session.js";
import { type Divergence, findDivergence } from "./divergence.js";
import { referenceCodes } from "./layer-crcs.js";
import type { ReferencePool } from "./reference-pool.js";

/** One image, as the reference and as the board take it. */
export interface PreparedImage {
  readonly name: string;
  /** Stored integers of the input tensor, row-major. */
  readonly stored: Int32Array;
  /** The same as a DDR frame. */
  readonly frame: Uint8Array;
  readonly label?: number;
}

export interface LayerCheck {
  readonly images: number;
  /** Of the last image. */
  readonly readouts: readonly LayerReadout[];
  readonly divergence?: Divergence;
}

export async function checkLayers(
  session: BoardSession,
  pool: ReferencePool,
  model: { readonly graph: Graph; readonly compiled: CompiledModel },
  images: readonly PreparedImage[],
  onImage: (done: number) => void,
): Promise<LayerCheck> {
  let readouts: LayerReadout[] = [];
  for (const [index, image] of images.entries()) {
    const expected = pool.run(image.stored, 1, true);
    await session.run([image.frame]);
    readouts = await session.readLayers(model.compiled.layers);
    const crcs = (await expected).crcs?.[0] ?? [];
    const divergence = await firstDivergence(session, model, image, index, crcs, readouts);
    onImage(index + 1);
    if (divergence) return { images: index + 1, readouts, divergence };
  }
  return { images: images.length, readouts };
}

async function firstDivergence(
  session: BoardSession,
  { graph, compiled }: { readonly graph: Graph; readonly compiled: CompiledModel },
  image: PreparedImage,
  imageIndex: number,
  expected: readonly (readonly number[])[],
  readouts: readonly LayerReadout[],
): Promise<Divergence | undefined> {
  for (const layer of compiled.layers) {
    const output = layer.outputs.findIndex(
      (_, index) => expected[layer.index][index] !== readouts[layer.index].crcs[index],
    );
    if (output < 0) continue;
    const tensors = createReference(graph).runAll(image.stored);
    const wanted = referenceCodes(graph, tensors, layer, output);
    const found = await session.dumpLayer(layer, output, image.frame);
    return (
      findDivergence(wanted, found, layer, output, imageIndex) ??
      crcOnly(layer, output, imageIndex, wanted.length, expected[layer.index][output], readouts[layer.index])
    );
  }
  return undefined;
}

/** The tensor is right when dumped, but its CRC was not: the run that was checked differed from the run dumped. */
function crcOnly(
  layer: LayerInfo,
  output: number,
  image: number,
  elements: number,
  expected: number,
  readout: LayerReadout,
): Divergence {
  return {
    layer: layer.name,
    layerIndex: layer.index,
    tensor: layer.outputs[output].tensor,
    image,
    element: [image, 0, 0, 0],
    expected,
    found: readout.crcs[output],
    differing: 0,
    elements,
    cause:
      "the CRCs differ, the dumped tensor does not: results change from run to run (stale memory, or a timing fault)",
  };
}
