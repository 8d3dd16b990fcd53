/** Damages a file the way disks, links and attackers do. The same random source gives the same damage. */
import type { SeededRandom } from "./seeded-random.js";

export function mutate(original: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = Uint8Array.from(original);
  switch (random.integer(0, 6)) {
    case 0: // a few flipped bits
      for (let count = random.integer(1, 4); count > 0 && bytes.length > 0; count -= 1) {
        bytes[random.integer(0, bytes.length - 1)] ^= 1 << random.integer(0, 7);
      }
      return bytes;
    case 1: // truncated
      return bytes.slice(0, random.integer(0, bytes.length));
    case 2: // random bytes over a range
      return overwrite(bytes, random, () => random.integer(0, 255));
    case 3: // a range of 0xff: huge lengths and offsets
      return overwrite(bytes, random, () => 0xff);
    case 4: {
      // a piece copied elsewhere
      const length = random.integer(1, Math.min(64, bytes.length));
      const from = random.integer(0, bytes.length - length);
      bytes.copyWithin(random.integer(0, bytes.length - length), from, from + length);
      return bytes;
    }
    case 5: {
      // a piece cut out
      const at = random.integer(0, bytes.length - 1);
      const length = random.integer(1, Math.min(64, bytes.length - at));
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
    }
    default: {
      // something appended
      const tail = Array.from({ length: random.integer(1, 32) }, () => random.integer(0, 255));
      return Uint8Array.from([...bytes, ...tail]);
    }
  }
}

function overwrite(bytes: Uint8Array, random: SeededRandom, value: () => number): Uint8Array {
  const length = random.integer(1, Math.min(16, bytes.length));
  const at = random.integer(0, bytes.length - length);
  for (let index = at; index < at + length; index += 1) bytes[index] = value();
  return bytes;
}
