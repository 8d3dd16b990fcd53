/**
 * Poison for output buffers: bytes that depend on their position and on a seed that changes with every batch. A stretch
 * that still holds its poison after a run was never written (or the host looks at stale cache lines); a correct result
 * equals the poison of a 16-byte beat by chance once in 2^128.
 */
const BEAT_BYTES = 16;
/** A stretch shorter than this could hold its poison by chance; it is not judged. */
const SHORTEST_BYTES = 8;

/** xorshift32 with a mixed start; never zero. */
function startState(seed: number): number {
  return (Math.imul(seed, 0x9e37_79b1) ^ 0x5bd1_e995) | 1;
}

export function fillPoison(bytes: Uint8Array, seed: number): void {
  let state = startState(seed);
  for (let at = 0; at < bytes.length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
}

/**
 * Offset of the first beat inside `[offset, offset + byteLength)` that still holds its poison, or undefined.
 * `poison` is a copy of what fillPoison wrote over the same buffer.
 */
export function findPoison(
  bytes: Uint8Array,
  poison: Uint8Array,
  offset: number,
  byteLength: number,
): number | undefined {
  const end = offset + byteLength;
  for (let beat = offset; beat < end; beat += BEAT_BYTES) {
    const last = Math.min(beat + BEAT_BYTES, end);
    if (last - beat < SHORTEST_BYTES) continue;
    let at = beat;
    while (at < last && bytes[at] === poison[at]) at += 1;
    if (at === last) return beat;
  }
  return undefined;
}
