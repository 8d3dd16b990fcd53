/**
 * The cycle model: what one frame of a layer program costs on a geometry. A pure function of the commands, so that the
 * compiler reports and the emulator charges the same numbers.
 *
 * Commands run one after the other. A compute command goes through tiles of O channels, a tile through blocks (output rows *
 * ceil(output width / P)), a block through steps of one activation word each:
 *   CONV       taps * ceil(inputs / I) * passes
 *   DEPTHWISE, POOL  taps * words * passes                     words: I channels each, that the tile really has
 *   ADD        2 * words
 *   LOAD, STORE  latency + one word of I bytes a cycle, or the port where that is slower
 *   LOAD of expanded windows  latency + P pixels at a time (one by one where they lie more than TAP_WIDE_STRIDE bytes apart),
 *              a cycle for every word that a window row has bytes in; no row of them before its source rows are there
 * passes: neighbouring outputs read pixels a stride apart; those that share a memory bank are read one after the other
 * (2 passes for stride 2, 4 for 4, P for the strides that are no power of two).
 *
 * Three things hold the last step of a block back. A block leaves through R requantisation lanes, in `beats` cycles of R / I
 * pixels of one word each: blocks are no closer than that. The first block of a tile waits for the tile's channel
 * parameters, which are loaded one by one when the first block of the tile before has passed the array. And for weights.
 * Behind the last block come its beats and its CRC, COMPUTE_DRAIN apart from its last step.
 *
 * Weights are decoded ahead, across layers, into a ring of 2 * weightLines lines. A tile takes a cycle for every row (a tap and
 * input channel of its outputs), more where it is narrow or entropy-coded for few lanes, or its share of the stream / port;
 * DEFLATE a cycle per weight and INFLATE_BLOCK around every block. The first stream also waits for DDR. The array may begin on
 * a tile whose last lines have not arrived, so that a tile is late only by what its first block could not hide.
 *
 * Output and addend tables are fetched while the command before runs, which hides them unless it is short.
 *
 * Not modelled: refresh and contention in DDR, the wait for the codec's tables at a first START.
 */
import type { OverlayGeometry } from "../overlay/geometry.js";
import type { Command } from "../overlay/program.js";
import { blockLatency, drainCycles, parameterCycles, tilesOf } from "./engine-cycles.js";
import { TableFetch } from "./table-fetch.js";
import { loadCycles, storeCycles } from "./transfer-cycles.js";
import type { LayerCycles } from "./types.js";
import { WeightRing } from "./weight-ring.js";

/** Cycles from the end of a command to the start of the next one's unit: its sizes settle. */
export const COMMAND_SETUP = 6;
/** Cycles from START to the first command: the latency of its fetch and the way through the queue. */
export const PROGRAM_FETCH = 70;

export interface ProgramCycles {
  /** Of one frame. */
  readonly total: number;
  readonly stallWeights: number;
  readonly stallData: number;
  readonly weightBeats: number;
  /** By layer index; a layer's transfers are charged to it. */
  readonly layers: readonly LayerCycles[];
}

export function programCycles(commands: readonly Command[], geometry: OverlayGeometry): ProgramCycles {
  const layers: { -readonly [Field in keyof LayerCycles]: number }[] = [];
  const ring = new WeightRing(geometry, PROGRAM_FETCH);
  const tables = new TableFetch(geometry, PROGRAM_FETCH);
  let now = 0;
  for (const command of commands) {
    if (command.opcode === "END") break;
    while (layers.length <= command.layer) {
      layers.push({ total: 0, compute: 0, stallWeights: 0, stallData: 0, weightBeats: 0 });
    }
    const cycles = layers[command.layer];
    const began = now;
    if (began === 0) {
      now += PROGRAM_FETCH;
      cycles.stallData += PROGRAM_FETCH;
    }
    if (command.opcode === "LOAD" || command.opcode === "STORE") {
      const moving =
        command.opcode === "LOAD" ? loadCycles(command, geometry) : storeCycles(command, geometry);
      now += COMMAND_SETUP + moving;
      cycles.stallData += COMMAND_SETUP + moving;
    } else {
      const waits = tables.wait(command, now);
      cycles.stallData += waits;
      now += COMMAND_SETUP + waits;
      cycles.compute += COMMAND_SETUP + drainCycles(command, geometry);
      let parametersReady = now + parameterCycles(command, geometry);
      tilesOf(command, geometry).forEach(({ reads, beats, blocks, weights }, index) => {
        const spacing = Math.max(reads, beats);
        const unhindered = Math.max(now + (index === 0 ? reads : spacing), parametersReady);
        const firstBlock = weights ? Math.max(unhindered, ring.decode(weights)) : unhindered;
        const end = firstBlock + (blocks - 1) * spacing;
        cycles.stallWeights += firstBlock - unhindered;
        cycles.compute += end - now - (firstBlock - unhindered);
        parametersReady = firstBlock + blockLatency(geometry) + parameterCycles(command, geometry, index + 1);
        now = end;
        if (weights) ring.used(now);
      });
      now += drainCycles(command, geometry);
      if ("weightsBytes" in command) {
        cycles.weightBeats += Math.ceil(command.weightsBytes / geometry.weightPortBytes);
      }
    }
    cycles.total += now - began;
    tables.left(now, command);
  }
  const sum = (field: keyof LayerCycles) => layers.reduce((total, layer) => total + layer[field], 0);
  return {
    total: now,
    stallWeights: sum("stallWeights"),
    stallData: sum("stallData"),
    weightBeats: sum("weightBeats"),
    layers,
  };
}
