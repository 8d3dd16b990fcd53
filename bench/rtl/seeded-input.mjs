/** Stored integers over the whole range of a graph's input, the same for the same seed. */
export function seededInput(graph, seed) {
  const { shape, min, max } = graph.tensors[graph.input];
  // A linear congruential generator (Numerical Recipes constants).
  let state = 12345 + seed;
  return Int32Array.from({ length: shape.reduce((a, b) => a * b) }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return min + Math.floor((state / 2 ** 32) * (max - min + 1));
  });
}
