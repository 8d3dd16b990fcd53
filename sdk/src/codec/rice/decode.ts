/** Reads a layer of codec `rice` (docs/formats/rice-stream.md). */
import { CodecError } from "../../errors.js";
import { BitReader, unzigzag } from "../ans/bit-stream.js";
import { type CodedHeader, kinds, readHeader } from "../ans/header.js";
import { applyPrediction } from "../ans/prediction.js";
import { checkConsumed, checkWeights } from "../checksum.js";
import { type WeightLayout, weightCount } from "../types.js";
import {
  classesOnly,
  denseDivisors,
  forEachClass,
  LISTED_BITS,
  listedBits,
  MAGNITUDE_BITS,
  PARAMETER_BITS,
  runLog,
  SHAPE_BITS,
  SPARSE_CLASSES,
  shapes,
} from "./classes.js";
import { octaves, readGolomb } from "./golomb.js";

/** @throws {CodecError} `truncated`, `corrupt`, `checksum-mismatch`, `trailing-bytes` */
export function decodeLayer(stream: Uint8Array, layout: WeightLayout): Int8Array {
  const { header, end } = readHeader(stream, layout, classesOnly);
  const body = stream.subarray(end);
  if (header.kind === kinds.stored) {
    const reader = new BitReader(body, "stored layer");
    const weights = Int8Array.from({ length: weightCount(layout) }, () => reader.readSigned(8));
    checkConsumed(reader.bytePosition, body);
    checkWeights(weights, header.crc);
    return weights;
  }
  const reader = new BitReader(body, "rice stream");
  const weights = new Int8Array(weightCount(layout));
  const shape = reader.read(SHAPE_BITS);
  if (shape === shapes.listed) readListed(reader, weights, header.center);
  else if (shape === shapes.sparse) readSparse(reader, weights, header, layout);
  else {
    forEachClass(header, layout, (index, own) => {
      weights[index] = unzigzag(readGolomb(reader, denseDivisors[shape][own], 8)) + header.center;
    });
  }
  reader.align(8);
  checkConsumed(reader.bytePosition, body);
  if (header.prediction) applyPrediction(weights, layout, header.prediction, header.center, 1);
  checkWeights(weights, header.crc);
  return weights;
}

function readListed(reader: BitReader, weights: Int8Array, center: number): void {
  const count = reader.read(LISTED_BITS) + 1;
  const listed = Int8Array.from({ length: count }, () => reader.readSigned(8) + center);
  const width = listedBits(count);
  for (let index = 0; index < weights.length; index += 1) {
    const place = width === 0 ? 0 : reader.read(width);
    if (place >= count) {
      throw new CodecError("corrupt", "A rice stream names a value that its layer does not list.", {
        expected: `a number below ${count}`,
        found: String(place),
        hint: "The package is damaged: pack the model again.",
      });
    }
    weights[index] = listed[place];
  }
}

function readSparse(reader: BitReader, weights: Int8Array, header: CodedHeader, layout: WeightLayout): void {
  const parameter = reader.read(PARAMETER_BITS);
  /** Of each sparse class: zeros still to come in its run, and whether another value ends it. */
  const zeros = new Int32Array(SPARSE_CLASSES);
  const closes = new Uint8Array(SPARSE_CLASSES);
  forEachClass(header, layout, (index, own) => {
    if (own >= SPARSE_CLASSES) {
      weights[index] = unzigzag(readGolomb(reader, octaves[own - SPARSE_CLASSES], 8)) + header.center;
      return;
    }
    if (zeros[own] === 0 && closes[own] === 0) {
      closes[own] = 1 - reader.read(1);
      zeros[own] = closes[own] === 1 ? reader.read(runLog(own)) : 1 << runLog(own);
    }
    weights[index] = header.center;
    if (zeros[own] > 0) {
      zeros[own] -= 1;
      return;
    }
    closes[own] = 0;
    const negative = reader.read(1) === 1;
    const size = readGolomb(reader, octaves[parameter], MAGNITUDE_BITS) + 1;
    weights[index] += negative ? -size : size;
  });
}
