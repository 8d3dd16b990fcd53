/**
 * The decoder of docs/formats/weight-stream.md for the emulator and the host: header, segments and checks. The steps run in
 * WebAssembly (decode-kernel.ts), or without it in decode-plain.ts.
 */
import { CodecError } from "../../errors.js";
import { crc32cCombine } from "../../overlay/crc32c.js";
import { checkCrc, checkWeights } from "../checksum.js";
import { type WeightDecoder, type WeightLayout, weightCount } from "../types.js";
import { openKernelDecoder } from "./decode-kernel.js";
import { PlainSegmentDecoder } from "./decode-plain.js";
import { type CodedHeader, kinds, readHeader } from "./header.js";
import { packEntries } from "./packed-entries.js";
import type { SegmentDecoder } from "./segment-decoder.js";
import { unpackTables } from "./tables.js";

export interface AnsDecoderOptions {
  /** false: without WebAssembly. Default: with it where it is there. */
  readonly kernel?: boolean;
}

export function openAnsDecoder(tables: Uint8Array, { kernel = true }: AnsDecoderOptions = {}): WeightDecoder {
  const model = tables.length > 0 ? unpackTables(tables) : undefined;
  const entries: { single?: Int32Array; pairs?: Int32Array } = {};
  return {
    decode(stream, layout) {
      const { header, end } = readHeader(stream, layout, model);
      if (header.kind === kinds.stored || model === undefined) {
        const weights = copyStored(stream.subarray(end), weightCount(layout));
        checkWeights(weights, header.crc);
        return weights;
      }
      if (header.kind === kinds.pairs) entries.pairs ??= packEntries(model, true);
      else entries.single ??= packEntries(model, false);
      const packed = header.kind === kinds.pairs ? entries.pairs! : entries.single!;
      const decoder =
        (kernel ? openKernelDecoder(header, model.log, packed, layout, stream.length) : undefined) ??
        new PlainSegmentDecoder(header, model.log, packed, layout);
      checkCrc(decodeSegments(stream, end, header, layout, decoder), header.crc);
      return decoder.weights;
    },
  };
}

function copyStored(bytes: Uint8Array, count: number): Int8Array {
  if (bytes.length === count) return Int8Array.from(bytes, (byte) => (byte << 24) >> 24);
  throw new CodecError(
    bytes.length < count ? "truncated" : "trailing-bytes",
    "A stored layer has the wrong length.",
    { expected: `${count} bytes`, found: `${bytes.length} bytes` },
  );
}

/** Returns the CRC of the decoded weights; those of segments are checked here. */
function decodeSegments(
  stream: Uint8Array,
  start: number,
  header: CodedHeader,
  layout: WeightLayout,
  decoder: SegmentDecoder,
): number {
  if (stream.length % 2 !== 0) {
    throw new CodecError("truncated", "A weight stream has an odd number of bytes.", {
      expected: "whole 16-bit words",
      found: `${stream.length} bytes`,
    });
  }
  const tiles = Math.ceil(layout.outputs / layout.outputTile);
  const weights = weightCount(layout);
  if (header.tilesPerSegment === 0) {
    decodeSegment(decoder, stream.subarray(start), 0, tiles);
    if (header.prediction) decoder.undoPrediction(header.prediction);
    return decoder.crc(0, weights);
  }
  const crcs: number[] = [];
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  let at = start;
  for (let tile = 0; tile < tiles; tile += header.tilesPerSegment) {
    const words = at + 8 <= stream.length ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    const end = at + 8 + 2 * words;
    if (end > stream.length) {
      throw new CodecError("truncated", "A segment of a weight stream ends early.", {
        place: `segment ${crcs.length}`,
        expected: `${words} words`,
        found: `${Math.max(0, stream.length - at - 8) / 2} words`,
      });
    }
    crcs.push(view.getUint32(at + 4, true));
    const last = Math.min(tile + header.tilesPerSegment, tiles);
    decodeSegment(decoder, stream.subarray(at + 8, end), tile, last);
    at = end;
  }
  if (at !== stream.length) {
    throw new CodecError("trailing-bytes", "A weight stream goes on after its last segment.", {
      expected: `${at} bytes`,
      found: `${stream.length} bytes`,
    });
  }
  if (header.prediction) decoder.undoPrediction(header.prediction);
  const perSegment = (weights / layout.outputs) * layout.outputTile * header.tilesPerSegment;
  return crcs.reduce((all, crc, index) => {
    const [from, to] = [index * perSegment, Math.min((index + 1) * perSegment, weights)];
    const found = decoder.crc(from, to);
    checkCrc(found, crc);
    return crc32cCombine(all, found, to - from);
  }, 0);
}

function decodeSegment(
  decoder: SegmentDecoder,
  bytes: Uint8Array,
  firstTile: number,
  lastTile: number,
): void {
  const asked = decoder.run(bytes, firstTile, lastTile);
  if (2 * asked >= bytes.length) return;
  throw new CodecError("trailing-bytes", "A weight stream holds words that no lane asks for.", {
    expected: `${asked} words in the segment`,
    found: `${bytes.length / 2} words`,
  });
}
