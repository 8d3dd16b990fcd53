/**
 * Which weights a symbol of a class stands for: its bucket (weight-stream.md, section 2). Small weights have a symbol of
 * their own or share it with few, large ones with many: raw bits say which of them it is.
 */

export interface Buckets {
  /** Raw bits of a narrow bucket, 0..7. */
  readonly shift: number;
  /** Symbols of this magnitude and above are wide: 0 for none, or a power of two, 1..64. */
  readonly from: number;
  /** Raw bits of a wide bucket beyond those of a narrow one, 1..4; 0 where `from` is. */
  readonly tail: number;
}

export interface BucketMap {
  /** First weight of the bucket of each symbol byte, mod 256. */
  readonly start: Uint8Array;
  /** Raw bits behind each symbol byte. */
  readonly rawBits: Uint8Array;
  /** The symbol byte of each weight byte. */
  readonly symbolOf: Uint8Array;
}

/** Raw bits of a bucket at most. */
export const LARGEST_RAW = 7;
export const LARGEST_FROM = 64;
export const LARGEST_TAIL = 4;

const known = new Map<number, BucketMap>();

/** Shared, not to be changed. */
export function bucketMap(buckets: Buckets): BucketMap {
  const key = (buckets.shift << 16) | (buckets.from << 8) | buckets.tail;
  let map = known.get(key);
  if (map === undefined) {
    map = computeMap(buckets);
    known.set(key, map);
  }
  return map;
}

function computeMap({ shift, from, tail }: Buckets): BucketMap {
  const map = { start: new Uint8Array(256), rawBits: new Uint8Array(256), symbolOf: new Uint8Array(256) };
  const [narrow, wide] = [1 << shift, 1 << (shift + tail)];
  const half = narrow >> 1;
  // From the largest magnitude down, so that where buckets overlap mod 256 the smaller magnitude wins.
  for (let magnitude = 128; magnitude >= 0; magnitude -= 1) {
    const isWide = from > 0 && magnitude >= from;
    const size = isWide ? wide : narrow;
    const beyond = magnitude - from;
    const firsts = isWide
      ? [from * narrow - half + beyond * wide, narrow - from * narrow - half - (beyond + 1) * wide]
      : [magnitude * narrow - half, -magnitude * narrow - half];
    firsts.forEach((first, index) => {
      if (magnitude === 128 && index === 0) return;
      const symbol = (index === 0 ? magnitude : -magnitude) & 0xff;
      map.start[symbol] = first;
      map.rawBits[symbol] = isWide ? shift + tail : shift;
      for (let weight = Math.max(first, -128); weight < Math.min(first + size, 128); weight += 1) {
        map.symbolOf[weight & 0xff] = symbol;
      }
    });
  }
  return map;
}
