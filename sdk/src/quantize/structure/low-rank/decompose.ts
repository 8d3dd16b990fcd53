/** A float model whose layers are factored where that pays, and left as they are (recomposed) where it does not. */
import { GraphError } from "../../../errors.js";
import type { FloatConvolutionNode, FloatGraph, FloatNode, FloatTensor } from "../../../graph/float.js";
import { validateFloatGraph } from "../../../graph/float-shape.js";
import type { Window } from "../../../graph/types.js";
import { curFactors } from "./cur.js";
import type { Factorization, Factorize } from "./factors.js";
import { svdFactors } from "./svd.js";
import { tuckerFactors } from "./tucker.js";

export const factorizations = {
  svd: svdFactors,
  tucker: tuckerFactors,
  cur: curFactors,
} as const satisfies Record<string, Factorize>;

export type FactorizationName = keyof typeof factorizations;

export interface DecomposeOptions {
  readonly method: FactorizationName;
  /** Share of each layer's squared weights that its factors hold, above 0 to 1. */
  readonly energy: number;
  /**
   * What a chain of convolutions costs; a layer is factored where its chain costs less. Default: weights, which with
   * one window position per output are the multiplications too.
   */
  readonly cost?: (chain: readonly FloatConvolutionNode[]) => number;
}

export interface DecomposedLayer {
  readonly layer: string;
  readonly ranks: string;
  readonly costBefore: number;
  readonly costAfter: number;
  /** False: the factors cost as much as the layer, which stays as it was. */
  readonly pays: boolean;
}

/** @throws {GraphError} `bad-energy` */
export function decomposeModel(
  graph: FloatGraph,
  { method, energy, cost = weightsOf }: DecomposeOptions,
): { readonly model: FloatGraph; readonly layers: readonly DecomposedLayer[] } {
  if (!(energy > 0 && energy <= 1)) {
    throw new GraphError("bad-energy", "The share of energy to keep is impossible.", {
      expected: "above 0, at most 1",
      found: String(energy),
      hint: "For example 0.95.",
    });
  }
  const tensors: FloatTensor[] = [...graph.tensors];
  const layers: DecomposedLayer[] = [];
  const nodes = graph.nodes.flatMap((node): FloatNode[] => {
    if (node.kind !== "convolution" || node.structural || node.groups !== 1) return [node];
    const factorization = factorizations[method](node, energy);
    const added: FloatTensor[] = [];
    const chain = chainOf(graph, node, factorization, tensors.length, added);
    const [costBefore, costAfter] = [cost([node]), cost(chain)];
    const pays = costAfter < costBefore;
    layers.push({ layer: node.name, ranks: factorization.ranks, costBefore, costAfter, pays });
    if (!pays) return [node];
    tensors.push(...added);
    return chain;
  });
  return { model: validateFloatGraph({ ...graph, tensors, nodes }), layers };
}

function weightsOf(chain: readonly FloatConvolutionNode[]): number {
  return chain.reduce((sum, { weights }) => sum + weights.length, 0);
}

const POINT: Window = {
  kernel: [1, 1],
  stride: [1, 1],
  dilation: [1, 1],
  padding: { top: 0, bottom: 0, left: 0, right: 0 },
};

/** Nodes for the factors; `added` receives the tensors between them, numbered from `firstTensor`. */
function chainOf(
  graph: FloatGraph,
  node: FloatConvolutionNode,
  { factors }: Factorization,
  firstTensor: number,
  added: FloatTensor[],
): FloatConvolutionNode[] {
  const { kernel, stride, dilation, padding } = node;
  let input = node.inputs[0];
  let isBehindWindow = false;
  return factors.map(({ outputs, hasWindow, weights }, index) => {
    const isLast = index === factors.length - 1;
    isBehindWindow ||= hasWindow;
    const [height, width] = graph.tensors[isBehindWindow ? node.output : node.inputs[0]].shape;
    const name = isLast ? node.name : `${node.name}/factor${index + 1}`;
    const output = isLast ? node.output : firstTensor + added.length;
    if (!isLast) added.push({ name: `${name}/output`, shape: [height, width, outputs] });
    const link: FloatConvolutionNode = {
      kind: "convolution",
      name,
      sourceOp: node.sourceOp,
      inputs: [input],
      output,
      ...(hasWindow ? { kernel, stride, dilation, padding } : POINT),
      groups: 1,
      weights,
      bias: isLast ? node.bias : new Float32Array(outputs),
      structural: false,
    };
    input = output;
    return link;
  });
}
