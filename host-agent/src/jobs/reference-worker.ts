/**
 * A worker thread that runs the reference: the logits of a batch, and on request the CRC of every layer.
 * Lives beside the board's run, so that both cores are busy during a validation.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { LayerInfo } from "@sluice/sdk/compile";
import type { Graph } from "@sluice/sdk/graph";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { createReference } from "@sluice/sdk/reference";
import { layerCrcs } from "./layer-crcs.js";

export interface ReferenceWorkerData {
  readonly graph: Graph;
  readonly layers: readonly LayerInfo[];
  readonly geometry: OverlayGeometry;
}

export interface ReferenceRequest {
  readonly id: number;
  /** Stored integers of the input tensor, images back to back. */
  readonly inputs: Int32Array;
  readonly images: number;
  readonly wantLayers: boolean;
}

export interface ReferenceReply {
  readonly id: number;
  /** Stored integers of the output tensor, images back to back. */
  readonly outputs: Int32Array;
  /** Per image, per layer, per output. */
  readonly crcs?: number[][][];
  readonly error?: string;
}

const { graph, layers, geometry } = workerData as ReferenceWorkerData;
const reference = createReference(graph);

parentPort?.on("message", (request: ReferenceRequest) => {
  const { id, inputs, images, wantLayers } = request;
  const inputSize = inputs.length / images;
  const crcs: number[][][] = [];
  let outputs: Int32Array | undefined;
  for (let image = 0; image < images; image += 1) {
    const input = inputs.subarray(image * inputSize, (image + 1) * inputSize);
    let output: Int32Array;
    if (wantLayers) {
      const tensors = reference.runAll(input);
      crcs.push(layerCrcs(graph, tensors, layers, geometry));
      output = tensors[graph.output];
    } else {
      output = reference.run(input).output;
    }
    outputs ??= new Int32Array(images * output.length);
    outputs.set(output, image * output.length);
  }
  const reply: ReferenceReply = {
    id,
    outputs: outputs ?? new Int32Array(0),
    crcs: wantLayers ? crcs : undefined,
  };
  parentPort?.postMessage(reply);
});
