/** ResNet-20 with the weights of a rate-distortion run in place of its own, for measurements of traffic and cycles. */
import { provenOutputRange } from "@sluice/sdk/graph";
import { importModel } from "@sluice/sdk/import";
import { fromDemandOrder } from "@sluice/sdk/overlay";
import { modelLayers } from "../codec-models.mjs";
import { sharedFile } from "../shared-data.mjs";

const FILE = "resnet20_a8w8b16.onnx";

/**
 * The graph of the 8-bit QONNX file with the codes of an .npz file in its 3x3 and fully connected layers. The two 1x1
 * shortcuts, which the .npz network does not have, keep theirs. Its scales do not belong to these weights: the network
 * computes something, bit for bit comparable with the reference, but it recognises nothing.
 */
export function lowRateModel(npz) {
  const graph = importModel(sharedFile("models", FILE), { file: FILE });
  const layers = modelLayers(npz);
  let next = 0;
  for (const node of graph.nodes) {
    if (node.kind !== "convolution") continue;
    const layer = layers[next];
    if (layer === undefined || layer.weights.length !== node.weights.length) continue;
    node.weights.set(fromDemandOrder(layer.weights, layer.layout));
    Object.assign(graph.tensors[node.output], provenOutputRange(graph, node));
    next += 1;
  }
  if (next !== layers.length)
    throw new Error(`${npz}: ${layers.length - next} layers found no place in ${FILE}`);
  return graph;
}
