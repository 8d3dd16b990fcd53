/**
 * Decides, for one layer whose tensors exceed the activation memory, which of them stream through DDR in bands of
 * rows and how high the bands are. The choice with the least traffic wins: tensor bytes moved plus the weights, which
 * every band reads again.
 */
import { CompileError } from "../errors.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { activationRowsOf, canBegin, cutBands, ddrRowBytes, type RowRange, rowsLoaded } from "./bands.js";
import { type ActivationBuffer, type EngineLayer, outputShape } from "./engine-layer.js";

export interface BandPlan {
  readonly streamed: ReadonlySet<ActivationBuffer>;
  readonly bands: readonly RowRange[];
  /** Activation rows of each streamed buffer's window. */
  readonly rows: ReadonlyMap<ActivationBuffer, number>;
}

export function buffersOf(layer: EngineLayer): ActivationBuffer[] {
  return [...new Set([...layer.inputs, ...layer.outputs].map((stored) => stored.buffer))];
}

/** @returns undefined when the layer fits as a whole. @throws {CompileError} `activation-memory` */
export function planBands(
  layer: EngineLayer,
  input: ActivationBuffer,
  packed: boolean,
  geometry: OverlayGeometry,
): BandPlan | undefined {
  const buffers = buffersOf(layer);
  const capacity = geometry.activationRows;
  const whole = (buffer: ActivationBuffer) => activationRowsOf(buffer, buffer.height, geometry);
  const total = buffers.reduce((sum, buffer) => sum + whole(buffer), 0);
  if (total <= capacity) return undefined;

  let best: { plan: BandPlan; cost: number } | undefined;
  let least = Number.POSITIVE_INFINITY;
  const movable = buffers.filter((buffer) => !readAndWritten(layer, buffer));
  for (let subset = 1; subset < 2 ** movable.length; subset += 1) {
    const streamed = movable.filter((_, at) => (subset >> at) & 1);
    const resident = buffers.filter((buffer) => !streamed.includes(buffer));
    const room = capacity - resident.reduce((sum, buffer) => sum + whole(buffer), 0);
    const plan = highestBands(layer, streamed, room, input, packed, geometry);
    least = Math.min(least, capacity - room + smallestBand(layer, streamed, input, packed, geometry));
    if (plan === undefined) continue;
    const moved = streamed.reduce(
      (sum, buffer) => sum + buffer.height * ddrRowBytes(buffer, packed, geometry),
      0,
    );
    const cost = moved + plan.bands.length * (layer.weights?.values.length ?? 0);
    if (best === undefined || cost < best.cost) best = { plan, cost };
  }
  if (best !== undefined) return best.plan;
  throw new CompileError("activation-memory", "A layer does not fit the activation memory even row by row.", {
    place: layer.name,
    expected: `at most ${capacity} activation rows`,
    found: Number.isFinite(least) ? `${least} for the smallest band` : `${total} for the whole layer`,
    hint: "Use a geometry with more activation memory, a smaller picture, or fewer channels in this layer.",
    details: { layerRows: total, capacity },
  });
}

function readAndWritten(layer: EngineLayer, buffer: ActivationBuffer): boolean {
  return (
    layer.inputs.some((stored) => stored.buffer === buffer) &&
    layer.outputs.some((stored) => stored.buffer === buffer)
  );
}

function highestBands(
  layer: EngineLayer,
  streamed: readonly ActivationBuffer[],
  room: number,
  input: ActivationBuffer,
  packed: boolean,
  geometry: OverlayGeometry,
): BandPlan | undefined {
  const height = outputShape(layer)[0];
  const begin = (row: number) => canBegin(row, streamed, layer, input, geometry);
  for (let most = height; most > 0; most -= 1) {
    const bands = cutBands(height, most, begin);
    if (bands === undefined) continue;
    const rows = bandRows(layer, streamed, bands, packed, geometry);
    if ([...rows.values()].reduce((sum, count) => sum + count, 0) > room) continue;
    return { streamed: new Set(streamed), bands, rows };
  }
  return undefined;
}

function smallestBand(
  layer: EngineLayer,
  streamed: readonly ActivationBuffer[],
  input: ActivationBuffer,
  packed: boolean,
  geometry: OverlayGeometry,
): number {
  const height = outputShape(layer)[0];
  const begin = (row: number) => canBegin(row, streamed, layer, input, geometry);
  for (let most = 1; most <= height; most += 1) {
    const bands = cutBands(height, most, begin);
    if (bands === undefined) continue;
    const rows = bandRows(layer, streamed, bands, packed, geometry);
    return [...rows.values()].reduce((sum, count) => sum + count, 0);
  }
  return Number.POSITIVE_INFINITY;
}

function bandRows(
  layer: EngineLayer,
  streamed: readonly ActivationBuffer[],
  bands: readonly RowRange[],
  packed: boolean,
  geometry: OverlayGeometry,
): Map<ActivationBuffer, number> {
  return new Map(
    streamed.map((buffer) => {
      const counts = bands.map((band) => {
        const { first, end } = rowsLoaded(layer, buffer, band, packed, geometry);
        return activationRowsOf(buffer, end - first, geometry);
      });
      return [buffer, Math.max(...counts)];
    }),
  );
}
