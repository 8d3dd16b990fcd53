/** MatMul with a constant matrix, and an addition of a constant vector behind it, become one Gemm. */
import type { OnnxModel, OnnxNode } from "../model.js";

export function matMulToGemm(model: OnnxModel): void {
  const readCount = new Map<string, number>();
  for (const node of model.nodes) {
    for (const input of node.inputs) readCount.set(input, (readCount.get(input) ?? 0) + 1);
  }
  const isConstant = (name: string) => model.quantized.has(name) || model.constants.has(name);
  const gemms = new Map<string, OnnxNode>();
  const nodes: OnnxNode[] = [];
  for (const node of model.nodes) {
    if (node.opType === "MatMul" && node.domain === "" && model.quantized.has(node.inputs[1] ?? "")) {
      const gemm: OnnxNode = { ...node, opType: "Gemm", attributes: new Map() };
      gemms.set(gemm.outputs[0], gemm);
      nodes.push(gemm);
      continue;
    }
    const product = node.opType === "Add" ? node.inputs.find((input) => gemms.has(input)) : undefined;
    const bias = node.inputs.find((input) => input !== product);
    if (product !== undefined && bias !== undefined && isConstant(bias) && readCount.get(product) === 1) {
      const gemm = gemms.get(product) as OnnxNode;
      const merged = { ...gemm, inputs: [gemm.inputs[0], gemm.inputs[1], bias], outputs: node.outputs };
      nodes[nodes.indexOf(gemm)] = merged;
      continue;
    }
    nodes.push(node);
  }
  model.nodes = nodes;
}
