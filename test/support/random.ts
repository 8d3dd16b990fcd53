/** A small seeded generator (xorshift32) for tests: the same seed gives the same values everywhere. */
export interface Random {
  readonly seed: number;
  /** Integer, both ends inclusive. */
  integer(least: number, most: number): number;
  pick<T>(choices: readonly T[]): T;
  /** True with the given probability (default one half). */
  chance(probability?: number): boolean;
}

export function seededRandom(seed: number): Random {
  // Spread neighbouring seeds apart; the state must not be zero.
  let state = (Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) ^ (seed >>> 15)) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  for (let warmUp = 0; warmUp < 8; warmUp += 1) next();
  const integer = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  return {
    seed,
    integer,
    pick: (choices) => choices[integer(0, choices.length - 1)],
    chance: (probability = 0.5) => next() < probability,
  };
}
