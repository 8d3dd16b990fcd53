/** The encoder's last step in WebAssembly: the same words as encodeSegment of lanes.ts. */
import type { WeightLayout } from "../types.js";
import { type CodedHeader, kinds } from "./header.js";
import { KernelMemory } from "./kernel-memory.js";
import type { ClassSymbols, SegmentSymbols } from "./lanes.js";

/** Bytes of a lane while encoding and while writing, and of one value's coding; see codec-kernel/assembly/encode.ts. */
const LANE_BYTES = 16;
const WRITER_BYTES = 48;
const CODING_WORDS = 4;

/** The words of one segment as bytes; undefined where WebAssembly is not available, or the segment is too large for it. */
export function encodeSegmentInKernel(
  { values, classes, specials }: SegmentSymbols,
  coding: readonly ClassSymbols[],
  log: number,
  layout: WeightLayout,
  header: Pick<CodedHeader, "kind" | "lanes">,
  firstTile: number,
  lastTile: number,
): Uint8Array | undefined {
  const memory = KernelMemory.shared();
  if (!memory) return undefined;
  const { outputs, outputTile, inputs, kernelHeight, kernelWidth } = layout;
  const active = Math.min(header.lanes, outputs, outputTile);
  const mostWords = values.length + 3 * active;
  const addresses = memory.layOut([
    coding.length * 256 * CODING_WORDS * 4,
    coding.length * (2 << log),
    active * LANE_BYTES,
    active * WRITER_BYTES,
    values.length,
    values.length,
    specials?.length ?? 0,
    values.length * 4,
    mostWords * 2,
  ]);
  if (!addresses) return undefined;
  const [codings, states, lanes, writers, ownValues, ownClasses, ownSpecials, chunks, words] = addresses;
  const packed = memory.integers(codings, coding.length * 256 * CODING_WORDS);
  coding.forEach((own, index) => {
    const start = states + index * (2 << log);
    memory.words(start, own.states.length).set(own.states);
    for (let value = 0, at = index * 256 * CODING_WORDS; value < 256; value += 1, at += CODING_WORDS) {
      packed[at] = own.bitsRule[value];
      packed[at + 1] = start + 2 * own.offset[value];
      packed[at + 2] = own.raw[value] | (own.rawBits[value] << 16);
    }
  });
  memory.bytes(lanes, active * LANE_BYTES).fill(0);
  memory.bytes(ownValues, values.length).set(values);
  memory.bytes(ownClasses, values.length).set(classes);
  if (specials) memory.bytes(ownSpecials, specials.length).set(specials);
  memory.bytes(words, mostWords * 2).fill(0);
  const tiles = lastTile - firstTile;
  const rows = Math.ceil((inputs * kernelHeight * kernelWidth) / (header.kind === kinds.pairs ? 2 : 1));
  const lastWidth = Math.min(outputTile, outputs - (lastTile - 1) * outputTile);
  const shape = [header.lanes, tiles, rows, outputTile, lastWidth] as const;
  const specialsOrNone = specials ? ownSpecials : 0;
  memory.kernels.encodeChunks(
    ...([ownValues, ownClasses, specialsOrNone, codings, lanes] as const),
    ...shape,
    1 << log,
    chunks,
  );
  const count = memory.kernels.writeWords(chunks, lanes, writers, active, ...shape, log, words);
  return memory.bytes(words, count * 2).slice();
}
