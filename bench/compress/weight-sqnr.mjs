/** Signal to quantisation error of each layer's weights, in dB, by node name; `graph` is the model the plan belongs to. */
export function weightSqnr(graph, plan) {
  const result = new Map();
  for (const node of graph.nodes) {
    const layer = plan.weights.get(node.name);
    if (!layer) continue;
    const size = node.weights.length / node.bias.length;
    let power = 0;
    let error = 0;
    node.weights.forEach((weight, index) => {
      power += weight ** 2;
      error += (weight - layer.codes[index] * layer.scale[Math.floor(index / size)]) ** 2;
    });
    result.set(node.name, 10 * Math.log10(power / error));
  }
  return result;
}
