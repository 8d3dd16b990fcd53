/** Everything a compressed model's weights cost, with the real codec. */
import { defaultCodec } from "../codec/index.js";
import { weightsOfGraph } from "../codec/report.js";
import type { WeightCodec } from "../codec/types.js";
import type { FloatGraph } from "../graph/float.js";
import type { Graph } from "../graph/types.js";
import { type QuantizationPlan, quantizedWeightCount } from "./grids.js";
import { encodeSideInformation } from "./side-information.js";

export interface CodedSize {
  /** The codec's streams and tables; shortcuts that become convolutions are among them. */
  readonly weightBytes: number;
  /** Scales and biases of all layers, as `encodeSideInformation` writes them. */
  readonly sideBytes: number;
  /** Weights of the float model, shortcuts not counted: what the bits are divided by. */
  readonly weights: number;
  readonly bitsPerWeight: number;
}

export function codedSize(
  model: FloatGraph,
  plan: QuantizationPlan,
  graph: Graph,
  codec: WeightCodec = defaultCodec,
): CodedSize {
  const { tables, streams } = codec.encode(weightsOfGraph(graph));
  const weightBytes = streams.reduce((sum, stream) => sum + stream.length, tables.length);
  const sideBytes = encodeSideInformation(plan.weights.values()).length;
  const weights = quantizedWeightCount(model);
  return { weightBytes, sideBytes, weights, bitsPerWeight: (8 * (weightBytes + sideBytes)) / weights };
}
