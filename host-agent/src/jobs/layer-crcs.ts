/** What the overlay's CRC registers must show for each layer, computed from the reference's tensors. */
import type { LayerInfo } from "@sluice/sdk/compile";
import type { Graph } from "@sluice/sdk/graph";
import { engineOrderCrc, type OverlayGeometry } from "@sluice/sdk/overlay";

/** Reference tensors by TensorId; entries the reference did not compute may be missing. */
export type ReferenceTensors = ArrayLike<Int32Array | undefined>;

/** The codes of one output of a layer: [rows][width][channels], only the rows this command computes. */
export function referenceCodes(
  graph: Graph,
  tensors: ReferenceTensors,
  layer: LayerInfo,
  output: number,
): Int32Array {
  const { tensor, codeOffset } = layer.outputs[output];
  const id = graph.tensors.findIndex(({ name }) => name === tensor);
  const values = tensors[id];
  if (!values) throw new Error(`the reference has no tensor "${tensor}"`);
  const [, width, channels] = layer.shape;
  const [first, end] = layer.rows;
  return values.slice(first * width * channels, end * width * channels).map((value) => value - codeOffset);
}

/** Per layer, per output. */
export function layerCrcs(
  graph: Graph,
  tensors: ReferenceTensors,
  layers: readonly LayerInfo[],
  geometry: OverlayGeometry,
): number[][] {
  return layers.map((layer) => {
    const [, width, channels] = layer.shape;
    const shape = { height: layer.rows[1] - layer.rows[0], width, channels, tile: layer.tile };
    return layer.outputs.map((_, output) =>
      engineOrderCrc(referenceCodes(graph, tensors, layer, output), shape, geometry),
    );
  });
}
