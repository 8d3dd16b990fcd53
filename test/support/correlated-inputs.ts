import type { SeededRandom } from "./seeded-random.js";

/** Second moments [K][K] of inputs that share a few hidden causes, as neighbouring pixels and channels do. */
export function correlatedMoments(random: SeededRandom, size: number, causes = 4): Float64Array {
  const factors = Float64Array.from({ length: size * causes }, () => 2 * random.next() - 1);
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) {
      let sum = i === j ? 0.2 : 0;
      for (let f = 0; f < causes; f += 1) sum += factors[i * causes + f] * factors[j * causes + f];
      matrix[i * size + j] = sum;
    }
  }
  return matrix;
}

/** Standard normal numbers. */
export function gaussians(random: SeededRandom, count: number): Float64Array {
  return Float64Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()),
  );
}
