/**
 * Average pool -> Flatten -> Quant becomes average pool -> Quant -> Flatten. Both orders give the same numbers, and
 * only a Quant right behind the pool makes its quotient an integer.
 */
import { isQuant, type OnnxModel, type OnnxNode, readers } from "../model.js";

const pools = new Set(["AveragePool", "GlobalAveragePool"]);
const reshapes = new Set(["Flatten", "Reshape"]);

export function quantBeforeFlatten(model: OnnxModel): void {
  for (const pool of model.nodes.filter(({ opType }) => pools.has(opType))) {
    const flatten = onlyReader(model, pool.outputs[0]);
    if (flatten === undefined || !reshapes.has(flatten.opType) || flatten.inputs[0] !== pool.outputs[0])
      continue;
    const quant = onlyReader(model, flatten.outputs[0]);
    if (quant === undefined || !isQuant(quant) || quant.inputs[0] !== flatten.outputs[0]) continue;
    const between = `${quant.outputs[0]}:before-flatten`;
    const first = { ...quant, inputs: [pool.outputs[0], ...quant.inputs.slice(1)], outputs: [between] };
    const second = { ...flatten, inputs: [between, ...flatten.inputs.slice(1)], outputs: quant.outputs };
    model.nodes = model.nodes.map((node) => (node === flatten ? first : node === quant ? second : node));
  }
}

function onlyReader(model: OnnxModel, tensor: string): OnnxNode | undefined {
  const found = readers(model, tensor);
  return found.length === 1 && tensor !== model.output ? found[0] : undefined;
}
