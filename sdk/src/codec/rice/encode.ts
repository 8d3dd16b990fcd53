/** Writes a layer in codec `rice` (docs/formats/rice-stream.md). */
import { BitWriter, zigzag } from "../ans/bit-stream.js";
import { type CodedHeader, fitsHeader, headerOffsets, kinds, writeHeader } from "../ans/header.js";
import { kernelPasses } from "../ans/kernel-passes.js";
import { decodingValues } from "../ans/layer-variants.js";
import { plainPasses } from "../ans/plain-passes.js";
import { encodeStored } from "../ans/stored.js";
import { weightsCrc } from "../checksum.js";
import type { LayerWeights, WeightLayout } from "../types.js";
import { chooseLayer, magnitude, signed } from "./choose.js";
import {
  CLASSES,
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
import { octaves, writeGolomb } from "./golomb.js";

export function encodeLayer(layer: LayerWeights): Uint8Array {
  const passes = kernelPasses() ?? plainPasses;
  const { variant, fit, shape, parameter, listed } = chooseLayer(layer, passes);
  const header: CodedHeader = {
    kind: kinds.single,
    lanes: 1,
    first: 0,
    last: CLASSES - 1,
    ...headerOffsets(fit, 0),
    center: variant.center,
    crc: weightsCrc(layer.weights),
    prediction: variant.prediction,
    tilesPerSegment: 0,
  };
  if (!fitsHeader(header)) return encodeStored(layer);
  const out = new BitWriter();
  for (const byte of writeHeader(header, layer.layout)) out.write(byte, 8);
  const demand = decodingValues(layer, variant, passes).values;
  const values = Uint8Array.from(demand, (value) => value - variant.center);
  out.write(shape, SHAPE_BITS);
  if (shape === shapes.listed) writeListed(out, values, listed);
  else if (shape !== shapes.sparse) {
    forEachClass(header, layer.layout, (index, own) => {
      writeGolomb(out, zigzag(signed(values[index])), denseDivisors[shape][own], 8);
    });
  } else writeSparse(out, values, header, layer.layout, parameter);
  return out.toBytes();
}

function writeListed(out: BitWriter, values: Uint8Array, listed: readonly number[]): void {
  out.write(listed.length - 1, LISTED_BITS);
  for (const value of listed) out.write(value, 8);
  const place = new Uint8Array(256);
  listed.forEach((value, index) => {
    place[value] = index;
  });
  const width = listedBits(listed.length);
  for (const value of values) out.write(place[value], width);
}

function writeSparse(
  out: BitWriter,
  values: Uint8Array,
  header: CodedHeader,
  layout: WeightLayout,
  parameter: number,
): void {
  out.write(parameter, PARAMETER_BITS);
  const runs = runsOf(values, header, layout);
  forEachClass(header, layout, (index, own) => {
    const value = values[index];
    if (own >= SPARSE_CLASSES) {
      writeGolomb(out, zigzag(signed(value)), octaves[own - SPARSE_CLASSES], 8);
      return;
    }
    const run = runs[index];
    if (run === FULL_RUN) out.write(1, 1);
    else if (run >= 0) out.write(run << 1, 1 + runLog(own));
    if (value === 0) return;
    out.write(value >> 7, 1);
    writeGolomb(out, magnitude(value), octaves[parameter], MAGNITUDE_BITS);
  });
}

const FULL_RUN = -1;
const WITHIN_RUN = -2;

/** What each weight of a sparse class writes of runs: FULL_RUN, the length of a shorter one, or WITHIN_RUN for nothing. */
function runsOf(values: Uint8Array, header: CodedHeader, layout: WeightLayout): Int16Array {
  const runs = new Int16Array(values.length).fill(WITHIN_RUN);
  const begins = new Int32Array(SPARSE_CLASSES);
  const zeros = new Int32Array(SPARSE_CLASSES);
  forEachClass(header, layout, (index, own) => {
    if (own >= SPARSE_CLASSES) return;
    if (zeros[own] === 0) begins[own] = index;
    if (values[index] !== 0) {
      runs[begins[own]] = zeros[own];
      zeros[own] = 0;
    } else {
      // A run that the layer's end cuts short counts as full.
      runs[begins[own]] = FULL_RUN;
      zeros[own] = (zeros[own] + 1) % (1 << runLog(own));
    }
  });
  return runs;
}
