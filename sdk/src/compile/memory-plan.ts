/**
 * Assigns activation memory. Every buffer stays resident from its first to its last use where it can; where memory is
 * short, the buffer with the longest wait and the most rows is spilled to DDR between two of its uses, again and again
 * until everything fits. Layers that do not fit on their own run in bands (band-plan.ts).
 */
import { CompileError } from "../errors.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { type BandPlan, buffersOf, planBands } from "./band-plan.js";
import { activationRowsOf } from "./bands.js";
import type { ActivationBuffer, EngineLayer } from "./engine-layer.js";
import type { LoweredGraph } from "./lower.js";
import { overlaps, packSegments, type Segment } from "./pack-segments.js";

export interface LayerMemory {
  /** First activation row of each buffer the layer touches; for streamed ones, of its band window. */
  readonly bases: ReadonlyMap<ActivationBuffer, number>;
  /** Whole buffers to LOAD before and to STORE to scratch after the layer. */
  readonly loads: readonly ActivationBuffer[];
  readonly stores: readonly ActivationBuffer[];
  readonly bands?: BandPlan;
  /** Streamed buffers to LOAD before and to STORE to scratch after each band. */
  readonly bandLoads: readonly ActivationBuffer[];
  readonly bandStores: readonly ActivationBuffer[];
  /** The graph's output is complete after this layer. */
  readonly storesOutput: boolean;
}

export interface MemoryPlan {
  readonly layers: readonly LayerMemory[];
  /** Activation rows in use at the worst moment. */
  readonly peakRows: number;
  /** Byte offset in the scratch region of every buffer that is ever spilled. */
  readonly scratch: ReadonlyMap<ActivationBuffer, number>;
  readonly scratchBytes: number;
}

const SCRATCH_ALIGNMENT = 64;

/** A layer that touches a buffer. */
interface Use {
  readonly layer: number;
  readonly writes: boolean;
  readonly streamed: boolean;
}

interface Life {
  readonly buffer: ActivationBuffer;
  readonly rows: number;
  readonly uses: readonly Use[];
  /** kept[i]: resident between uses i and i + 1. */
  readonly kept: boolean[];
}

interface Placed extends Segment {
  readonly life?: Life;
  readonly buffer: ActivationBuffer;
  readonly firstUse: number;
  readonly lastUse: number;
}

/** @throws {CompileError} `activation-memory` */
export function planMemory(lowered: LoweredGraph, packed: boolean, geometry: OverlayGeometry): MemoryPlan {
  const { layers, input, output } = lowered;
  const bandPlans = layers.map((layer) => planBands(layer, input.buffer, packed, geometry));
  const lives = livesOf(lowered, bandPlans, geometry);
  for (;;) {
    const segments = [...lives.flatMap(residentSegments), ...bandSegments(bandPlans)];
    const packing = packSegments(segments, geometry.activationRows);
    if (!("failed" in packing)) {
      return describe(layers, bandPlans, lives, segments, packing, output.buffer, geometry);
    }
    if (!evict(lives, segments[packing.failed])) {
      throw new CompileError("activation-memory", "The activations do not fit the overlay's memory.", {
        place: layers[segments[packing.failed].start].name,
        expected: `at most ${geometry.activationRows} activation rows`,
        found: `${segments[packing.failed].rows} more than are free`,
        hint: "Use a geometry with more activation memory or a smaller picture.",
      });
    }
  }
}

function livesOf(
  { layers, buffers }: LoweredGraph,
  bandPlans: readonly (BandPlan | undefined)[],
  geometry: OverlayGeometry,
): Life[] {
  const uses = new Map<ActivationBuffer, Use[]>(buffers.map((buffer) => [buffer, []]));
  layers.forEach((layer, at) => {
    for (const buffer of buffersOf(layer)) {
      const writes = layer.outputs.some((stored) => stored.buffer === buffer);
      uses.get(buffer)!.push({ layer: at, writes, streamed: bandPlans[at]?.streamed.has(buffer) ?? false });
    }
  });
  return [...uses].map(([buffer, list]) => ({
    buffer,
    rows: activationRowsOf(buffer, buffer.height, geometry),
    uses: list,
    kept: list.slice(1).map((use, at) => !use.streamed && !list[at].streamed),
  }));
}

/** Runs of uses with residence between them. */
function residentSegments(life: Life): Placed[] {
  const { buffer, rows, uses, kept } = life;
  const segments: Placed[] = [];
  let first = 0;
  for (let at = 0; at < uses.length; at += 1) {
    if (at < uses.length - 1 && kept[at]) continue;
    if (!uses[at].streamed) {
      const span = { start: uses[first].layer, end: uses[at].layer };
      segments.push({ life, buffer, rows, ...span, firstUse: first, lastUse: at });
    }
    first = at + 1;
  }
  return segments;
}

function bandSegments(bandPlans: readonly (BandPlan | undefined)[]): Placed[] {
  return bandPlans.flatMap((plan, layer) =>
    [...(plan?.rows ?? [])].map(([buffer, rows]) => {
      return { buffer, rows, start: layer, end: layer, firstUse: 0, lastUse: 0 };
    }),
  );
}

/** Gives up one residence in the way of a block that found no room. */
function evict(lives: readonly Life[], blocked: Segment): boolean {
  let best: { life: Life; gap: number; weight: number } | undefined;
  for (const life of lives) {
    for (let gap = 0; gap < life.kept.length; gap += 1) {
      if (!life.kept[gap]) continue;
      const span = { rows: life.rows, start: life.uses[gap].layer, end: life.uses[gap + 1].layer };
      if (!overlaps(span, blocked)) continue;
      // Between neighbouring layers a spill only helps against fragmentation: the last resort.
      const idle = span.end - span.start - 1;
      const weight = life.rows * (idle + 1 / 1024);
      if (best === undefined || weight > best.weight) best = { life, gap, weight };
    }
  }
  if (best === undefined) return false;
  best.life.kept[best.gap] = false;
  return true;
}

function describe(
  layers: readonly EngineLayer[],
  bandPlans: readonly (BandPlan | undefined)[],
  lives: readonly Life[],
  segments: readonly Placed[],
  packing: { readonly bases: readonly number[]; readonly peak: number },
  output: ActivationBuffer,
  geometry: OverlayGeometry,
): MemoryPlan {
  const result = layers.map((_, at) => ({
    bases: new Map<ActivationBuffer, number>(),
    loads: [] as ActivationBuffer[],
    stores: [] as ActivationBuffer[],
    bands: bandPlans[at],
    bandLoads: [] as ActivationBuffer[],
    bandStores: [] as ActivationBuffer[],
    storesOutput: false,
  }));
  const scratch = new Map<ActivationBuffer, number>();
  let scratchBytes = 0;
  const spill = (buffer: ActivationBuffer) => {
    if (buffer.origin !== "computed" || scratch.has(buffer)) return;
    scratch.set(buffer, scratchBytes);
    const bytes = buffer.height * buffer.width * buffer.words * geometry.inputs;
    scratchBytes += Math.ceil(bytes / SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT;
  };
  segments.forEach(({ life, buffer, start, firstUse, lastUse }, at) => {
    if (life === undefined) {
      result[start].bases.set(buffer, packing.bases[at]);
      return;
    }
    const span = life.uses.slice(firstUse, lastUse + 1);
    for (const use of span) result[use.layer].bases.set(buffer, packing.bases[at]);
    if (firstUse > 0 || buffer.origin !== "computed") result[start].loads.push(buffer);
    const lastWrite = span.findLast((use) => use.writes);
    if (lastWrite !== undefined && lastUse < life.uses.length - 1)
      result[lastWrite.layer].stores.push(buffer);
  });
  for (const { buffer, uses } of lives) {
    uses.forEach((use, at) => {
      if (!use.streamed) return;
      // A concatenation is read back so that a band keeps the members written before.
      if (!use.writes || at > 0) result[use.layer].bandLoads.push(buffer);
      if (use.writes && at < uses.length - 1) result[use.layer].bandStores.push(buffer);
    });
  }
  for (const { loads, stores, bandLoads, bandStores } of result) {
    for (const buffer of [...loads, ...stores, ...bandLoads, ...bandStores]) spill(buffer);
  }
  const writesOutput = (layer: EngineLayer) => layer.outputs.some((stored) => stored.buffer === output);
  result[layers.findLastIndex(writesOutput)].storesOutput = true;
  return { layers: result, peakRows: packing.peak, scratch, scratchBytes };
}
