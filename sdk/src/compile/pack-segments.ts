/**
 * Places blocks that live for a known span of layers into one linear memory. All spans are known beforehand, so a few
 * orders are tried; each block goes to the lowest address that is free for its whole life.
 */
export interface Segment {
  /** Activation rows. */
  readonly rows: number;
  /** Inclusive span of layer indices. */
  readonly start: number;
  readonly end: number;
}

export type Packing =
  | { readonly bases: readonly number[]; readonly peak: number }
  /** The first block that found no room, in the order that came furthest. */
  | { readonly failed: number };

export function packSegments(segments: readonly Segment[], capacity: number): Packing {
  const bySize = (a: number, b: number) => segments[b].rows - segments[a].rows || a - b;
  const byStart = (a: number, b: number) => segments[a].start - segments[b].start || bySize(a, b);
  const byLife = (a: number, b: number) => life(segments[b]) - life(segments[a]) || bySize(a, b);
  let failed = -1;
  for (const order of [byStart, bySize, byLife]) {
    const bases = new Array<number>(segments.length).fill(-1);
    let peak = 0;
    let stopped = -1;
    for (const at of segments.map((_, index) => index).sort(order)) {
      const base = lowestFree(segments, bases, at);
      if (base + segments[at].rows > capacity) {
        stopped = at;
        break;
      }
      bases[at] = base;
      peak = Math.max(peak, base + segments[at].rows);
    }
    if (stopped < 0) return { bases, peak };
    failed = stopped;
  }
  return { failed };
}

function lowestFree(segments: readonly Segment[], bases: readonly number[], at: number): number {
  const wanted = segments[at];
  const taken = segments
    .map((segment, index) => ({ segment, base: bases[index] }))
    .filter(({ segment, base }) => base >= 0 && overlaps(segment, wanted))
    .sort((a, b) => a.base - b.base);
  let base = 0;
  for (const { segment, base: other } of taken) {
    if (base + wanted.rows <= other) break;
    base = Math.max(base, other + segment.rows);
  }
  return base;
}

function life(segment: Segment): number {
  return segment.end - segment.start;
}

export function overlaps(a: Segment, b: Segment): boolean {
  return a.start <= b.end && b.start <= a.end;
}
