/** Both signs of the magnitudes, and zero, ascending and without repetition. @param magnitudes 0..127 */
export function symmetricLevels(magnitudes: Iterable<number>): Int16Array {
  const unique = new Set<number>([0]);
  for (const magnitude of magnitudes) unique.add(magnitude).add(-magnitude);
  // -0 and 0 are one element of a Set, but Int16Array has no -0 either way.
  return Int16Array.from(unique).sort();
}
