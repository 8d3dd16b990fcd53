/** The fast decoder in WebAssembly: lays a layer out in the kernels' memory and runs them tile by tile. */
import { type WeightLayout, weightCount } from "../types.js";
import { ClassSums } from "./class-sums.js";
import { type CodedHeader, kinds } from "./header.js";
import { KernelMemory } from "./kernel-memory.js";
import { forEachPredictedBlock, type Prediction } from "./prediction.js";
import type { SegmentDecoder } from "./segment-decoder.js";

/** Bytes of a lane, see codec-kernel/assembly/decode.ts. */
const LANE_BYTES = 16;

/**
 * Valid until the kernels' memory is used for something else; undefined where WebAssembly is not available, or the layer is
 * too large for the memory.
 */
export function openKernelDecoder(
  header: CodedHeader,
  log: number,
  entries: Int32Array,
  layout: WeightLayout,
  mostBytes: number,
): SegmentDecoder | undefined {
  const memory = KernelMemory.shared();
  if (!memory) return undefined;
  const sums = new ClassSums(header, log, layout);
  const width = Math.min(layout.outputs, layout.outputTile);
  const addresses = memory.layOut([
    Math.min(header.lanes, width) * LANE_BYTES,
    entries.byteLength,
    sums.rowSums.byteLength,
    sums.count * width * 4,
    mostBytes + 2,
    weightCount(layout),
  ]);
  if (!addresses) return undefined;
  memory.integers(addresses[1], entries.length).set(entries);
  memory.integers(addresses[2], sums.rowSums.length).set(sums.rowSums);
  return new KernelSegmentDecoder(memory, header, log, layout, sums, addresses);
}

class KernelSegmentDecoder implements SegmentDecoder {
  private readonly lanes: number;
  private readonly entries: number;
  private readonly offsets: number;
  private readonly tables: number;
  private readonly words: number;
  private readonly output: number;

  constructor(
    private readonly memory: KernelMemory,
    private readonly header: CodedHeader,
    private readonly log: number,
    private readonly layout: WeightLayout,
    private readonly sums: ClassSums,
    addresses: readonly number[],
  ) {
    [this.lanes, this.entries, this.offsets, this.tables, this.words, this.output] = addresses;
  }

  run(bytes: Uint8Array, firstTile: number, lastTile: number): number {
    const { memory, header, layout, sums, lanes, words } = this;
    const end = words + bytes.length;
    const room = memory.bytes(words, bytes.length + 2);
    room.set(bytes);
    room.fill(0, bytes.length);
    const { outputs, outputTile } = layout;
    const active = Math.min(header.lanes, outputs, outputTile);
    const rows = sums.rowSums.length;
    const tables = memory.integers(this.tables, sums.count * Math.min(outputs, outputTile));
    const { decodePairs, decodeSingles, startLanes } = memory.kernels;
    const decodeTile = header.kind === kinds.pairs ? decodePairs : decodeSingles;
    let next = startLanes(lanes, active, this.log, words, end);
    for (let tile = firstTile; tile < lastTile; tile += 1) {
      const first = tile * outputTile;
      const width = Math.min(outputTile, outputs - first);
      sums.prepareTile(tables, first, width, this.entries, 4);
      next = decodeTile(
        lanes,
        header.lanes,
        this.offsets,
        rows,
        this.tables,
        width,
        this.output + first * rows,
        header.center,
        next,
        end,
      );
    }
    return ((next >>> 0) - words) / 2;
  }

  undoPrediction(prediction: Prediction): void {
    forEachPredictedBlock(this.layout, prediction, this.header.center, true, (block) => {
      const { from, count, left, top, corner, c0, c1, c2, round } = block;
      this.memory.kernels.predict(this.output + from, count, left, top, corner, c0, c1, c2, round, 1);
    });
  }

  crc(from: number, to: number): number {
    return this.memory.crc32c(this.output + from, to - from);
  }

  get weights(): Int8Array {
    return new Int8Array(this.memory.bytes(this.output, weightCount(this.layout)).slice().buffer);
  }
}
