/**
 * The compiler: Graph -> layer program, tiles and DDR image for one geometry and one weight codec.
 *
 *   lower (lower.ts) -> weight image (image.ts) -> activation memory (memory-plan.ts) -> commands (emit.ts)
 *   -> cycle model (cycles.ts) -> reports
 */
import type { EarlierWeights } from "../codec/encode-like.js";
import type { WeightCodec } from "../codec/types.js";
import { CompileError, OverlayError } from "../errors.js";
import type { Graph } from "../graph/types.js";
import { validateGraph } from "../graph/validate.js";
import { channelWords } from "../overlay/activation-layout.js";
import { decoderLimits } from "../overlay/decoder-limits.js";
import { engineTile } from "../overlay/engine-order.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { packCommands } from "../overlay/program.js";
import { OVERLAY_VERSION } from "../overlay/registers.js";
import { programCycles } from "./cycles.js";
import { type Emitted, emitProgram } from "./emit.js";
import { type EngineLayer, outputShape, type Stored } from "./engine-layer.js";
import { frameBytes } from "./frames.js";
import { buildImage, SECTION_ALIGNMENT, type WeightImage } from "./image.js";
import { type LoweredGraph, lowerGraph } from "./lower.js";
import { type MemoryPlan, planMemory } from "./memory-plan.js";
import { memoryReport } from "./memory-report.js";
import type { CompiledModel, FrameFormat, ImageSection, LayerInfo } from "./types.js";

export interface CompileOptions {
  readonly geometry: OverlayGeometry;
  /** Layers it does not make smaller are stored instead, or coded with a fallback. */
  readonly codec: WeightCodec;
  /** Codecs without tables that a layer may use where they make it smaller; the overlay must decode them. Default none. */
  readonly fallbacks?: readonly WeightCodec[];
  /** An earlier model whose streams and tables stay wherever the weights did not change. Default: all is coded anew. */
  readonly like?: EarlierWeights;
  /** Fraction of the work done, 0..1; encoding the weights is nearly all of it. */
  readonly onProgress?: (done: number) => void;
}

/**
 * @example compile(graph, { geometry: kv260Geometry, codec: codecByName("deflate") })
 * @throws {GraphError} when the graph contradicts itself.
 * @throws {CompileError} when the overlay cannot run the graph exactly, within its memory and with proven ranges; the
 *   error names the layer and the way out.
 */
export function compile(graph: Graph, options: CompileOptions): CompiledModel {
  const { geometry, codec, fallbacks = [], onProgress } = options;
  validateGraph(graph);
  const { lowered, plan, packed } = planGraph(graph, geometry);
  const weightLines = requireWeightTiles(lowered.layers, geometry);
  const image = buildImage(
    lowered.layers,
    { codec, fallbacks },
    { limits: decoderLimits(geometry), onProgress },
    options.like,
  );
  const emitted = emitProgram(lowered, plan, image.addresses, packed, geometry);
  requireLayerCount(emitted, geometry);
  const cycles = programCycles(emitted.commands, geometry);

  const program = packProgram(emitted);
  const sections: ImageSection[] = [
    ...image.sections,
    { kind: "program", name: "program", offset: image.end, bytes: program },
  ];
  const imageBytes = Math.ceil((image.end + program.length) / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
  const input = frameFormat(lowered.input, packed);
  const output = frameFormat(lowered.output, false);
  const inputFrameBytes = frameBytes(input, geometry);
  const outputFrameBytes = frameBytes(output, geometry);
  const ddrBytes = imageBytes + inputFrameBytes + outputFrameBytes + plan.scratchBytes;
  onProgress?.(1);
  return {
    name: graph.name,
    codec: codec.name,
    plan: {
      geometry: geometry.id,
      overlayVersion: OVERLAY_VERSION,
      imageBytes,
      commandOffset: image.end,
      commandCount: emitted.commands.length,
      tablesOffset: image.codecTables.offset,
      tablesBytes: image.codecTables.bytes,
      inputFrameBytes,
      outputFrameBytes,
      scratchBytes: plan.scratchBytes,
      layerCount: emitted.layers.length,
      cyclesPerFrame: cycles.total,
    },
    sections,
    input,
    output,
    layers: emitted.layers.map((_, index) =>
      layerInfo(emitted, index, image, geometry, cycles.layers[index]),
    ),
    memory: memoryReport({ activationRows: plan.peakRows, weightLines, ddrBytes }, geometry),
    notes: [...graph.notes],
  };
}

interface PlannedGraph {
  readonly lowered: LoweredGraph;
  readonly plan: MemoryPlan;
  /** The input frame is packed bytes. */
  readonly packed: boolean;
}

/** Expanded windows take more memory, and bands of them begin only at aligned rows: do without where they do not fit. */
function planGraph(graph: Graph, geometry: OverlayGeometry, expandWindows = true): PlannedGraph {
  const lowered = lowerGraph(graph, geometry, expandWindows);
  const packed = lowered.buffers.some((buffer) => buffer.origin === "taps");
  try {
    return { lowered, packed, plan: planMemory(lowered, packed, geometry) };
  } catch (error) {
    if (!packed || !(error instanceof CompileError) || error.code !== "activation-memory") throw error;
    return planGraph(graph, geometry, false);
  }
}

function frameFormat({ tensor, shape, offset }: Stored, packed: boolean): FrameFormat {
  const { scale, zeroPoint } = tensor;
  return { shape, packing: packed ? "packed" : "words", codeOffset: offset, scale, zeroPoint };
}

function layerInfo(
  { layers }: Emitted,
  index: number,
  image: WeightImage,
  geometry: OverlayGeometry,
  cycles: LayerInfo["cycles"],
): LayerInfo {
  const { layer, source, command, rows } = layers[index];
  const shape = outputShape(layer);
  const addresses = image.addresses[source];
  return {
    index,
    name: layer.name,
    kind: layer.kind,
    command,
    outputs: layer.outputs.map(({ tensor, offset }) => ({ tensor: tensor.name, codeOffset: offset })),
    shape,
    rows: [rows.first, rows.end],
    tile: engineTile(geometry),
    macs: Math.round((layer.macs * (rows.end - rows.first)) / shape[0]),
    weightBytes: layer.weights?.values.length ?? 0,
    compressedBytes: addresses.weightsBytes,
    codec: addresses.codecName,
    cycles,
  };
}

/** @returns the lines of the largest tile */
function requireWeightTiles(layers: readonly EngineLayer[], geometry: OverlayGeometry): number {
  let most = 0;
  for (const layer of layers) {
    if (layer.weights === undefined) continue;
    const { kernelHeight, kernelWidth, inputs } = layer.weights.layout;
    // A depthwise tile lies on the diagonals of O / I lines for every tap.
    const perTap = layer.opcode === "DEPTHWISE" ? geometry.outputs : inputs;
    const lines = kernelHeight * kernelWidth * channelWords(perTap, geometry);
    most = Math.max(most, lines);
    if (lines <= geometry.weightLines) continue;
    throw new CompileError("weight-tile", "A layer's weight tile does not fit the tile buffer.", {
      place: layer.name,
      expected: `at most ${geometry.weightLines} lines of ${geometry.inputs} x ${geometry.outputs} weights`,
      found: `${lines}: ${kernelHeight} x ${kernelWidth} taps, ${inputs} input channels`,
      hint: "Use a geometry with a larger tile buffer, or give the layer fewer input channels (low rank, pruning).",
    });
  }
  return most;
}

function requireLayerCount({ layers }: Emitted, geometry: OverlayGeometry): void {
  if (layers.length <= geometry.maxLayers) return;
  const bands = layers.length - new Set(layers.map(({ source }) => source)).size;
  throw new CompileError("too-many-layers", "The program has more compute commands than layer counters.", {
    expected: `at most ${geometry.maxLayers}`,
    found: `${layers.length}, ${bands} of them further bands of layers that exceed the activation memory`,
    hint: "Use a geometry with more activation memory, or a smaller picture.",
  });
}

function packProgram({ commands, layers }: Emitted): Uint8Array {
  try {
    return packCommands(commands);
  } catch (cause) {
    if (!(cause instanceof OverlayError)) throw cause;
    const index = Number(/command (\d+)/.exec(cause.place ?? "")?.[1] ?? -1);
    const layer = layers.find(({ command }) => command >= index) ?? layers.at(-1);
    throw new CompileError("field-range", "A layer is larger than a command can describe.", {
      place: `${layer?.layer.name}, ${cause.place}`,
      expected: cause.expected,
      found: cause.found,
      hint: "Use smaller kernels, strides (1..15) or tensors in this layer.",
      cause,
    });
  }
}
