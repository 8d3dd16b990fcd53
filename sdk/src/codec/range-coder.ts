/**
 * A static range coder (arithmetic coding) with one 12-bit table per layer: order-0 coding without the rounding of
 * prefix codes, for comparison. Carries are propagated as in LZMA.
 * Stream: CRC-32C of the weights (32 bits), counts of the bytes 0..255 as Exp-Golomb order 0 with runs of zeros, padding to
 * a byte, then the coder's bytes.
 */
import { BitReader, BitWriter } from "./ans/bit-stream.js";
import { checkConsumed, checkWeights, refuseTables, weightsCrc } from "./checksum.js";
import { type WeightCodec, type WeightLayout, weightCount } from "./types.js";

const LOG = 12;
const TOTAL = 1 << LOG;
const TOP = 2 ** 24;
const FLUSH_BYTES = 5;

export const rangeCodec: WeightCodec = {
  name: "range",
  id: 4,
  encode(layers, options) {
    const streams = layers.map(({ weights }, index) => {
      const stream = encodeLayer(weights);
      options?.onProgress?.((index + 1) / layers.length);
      return stream;
    });
    return { tables: new Uint8Array(0), streams };
  },
  openDecoder(tables) {
    refuseTables(tables, "range");
    return { decode: decodeLayer };
  },
};

/** Counts that sum to 2^12, at least 1 for every byte that occurs. */
function scaledCounts(weights: Int8Array): Uint16Array {
  const seen = new Uint32Array(256);
  for (const weight of weights) seen[weight & 255] += 1;
  const counts = Uint16Array.from(seen, (count) => {
    return count === 0 ? 0 : Math.max(1, Math.round((count * TOTAL) / weights.length));
  });
  let sum = counts.reduce((total, count) => total + count, 0);
  while (sum !== TOTAL) {
    const change = sum < TOTAL ? 1 : -1;
    // The most frequent byte feels a change least.
    let best = 0;
    for (let symbol = 1; symbol < 256; symbol += 1) if (counts[symbol] > counts[best]) best = symbol;
    counts[best] += change;
    sum += change;
  }
  return counts;
}

function cumulate(counts: Uint16Array): Uint16Array {
  const starts = new Uint16Array(257);
  for (let symbol = 0; symbol < 256; symbol += 1) starts[symbol + 1] = starts[symbol] + counts[symbol];
  return starts;
}

function encodeLayer(weights: Int8Array): Uint8Array {
  const counts = scaledCounts(weights);
  const starts = cumulate(counts);
  const header = new BitWriter();
  header.write(weightsCrc(weights), 32);
  for (let symbol = 0; symbol < 256; symbol += 1) {
    header.writeExpGolomb(counts[symbol], 0);
    if (counts[symbol] > 0) continue;
    let zeros = 0;
    while (symbol + zeros + 1 < 256 && counts[symbol + zeros + 1] === 0) zeros += 1;
    header.writeExpGolomb(zeros, 0);
    symbol += zeros;
  }
  header.align(8);
  const bytes: number[] = [...header.toBytes()];
  let low = 0;
  let range = 2 ** 32 - 1;
  let cache = 0;
  let pending = 0;
  const shift = (): void => {
    if (low < 0xff00_0000 || low >= 2 ** 32) {
      const carry = low >= 2 ** 32 ? 1 : 0;
      // The first byte of a range coder is always 0: it is left out.
      if (pending > 0) {
        if (started) bytes.push((cache + carry) & 255);
        started = true;
        for (; pending > 1; pending -= 1) bytes.push((255 + carry) & 255);
      }
      pending = 0;
      cache = Math.floor(low / TOP) & 255;
    }
    pending += 1;
    low = (low % TOP) * 256;
  };
  let started = false;
  pending = 1;
  for (const weight of weights) {
    const symbol = weight & 255;
    const unit = Math.floor(range / TOTAL);
    low += unit * starts[symbol];
    range = unit * counts[symbol];
    while (range < TOP) {
      range *= 256;
      shift();
    }
  }
  for (let byte = 0; byte < FLUSH_BYTES; byte += 1) shift();
  // Zeros at the end need not be stored.
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length -= 1;
  return Uint8Array.from(bytes.slice(0, Math.max(length, header.bits / 8)));
}

function decodeLayer(stream: Uint8Array, layout: WeightLayout): Int8Array {
  const reader = new BitReader(stream, "range stream");
  const crc = reader.read(32);
  const counts = new Uint16Array(256);
  let sum = 0;
  for (let symbol = 0; symbol < 256; symbol += 1) {
    counts[symbol] = reader.readExpGolomb(0);
    sum += counts[symbol];
    if (sum > TOTAL) reader.fail(`counts that sum to ${TOTAL}`, `more at byte ${symbol}`);
    if (counts[symbol] === 0) symbol += reader.readExpGolomb(0);
  }
  if (sum !== TOTAL) reader.fail(`counts that sum to ${TOTAL}`, String(sum));
  reader.align(8);
  const starts = cumulate(counts);
  const symbolAt = new Uint8Array(TOTAL);
  for (let symbol = 0; symbol < 256; symbol += 1) symbolAt.fill(symbol, starts[symbol], starts[symbol + 1]);
  let at = reader.bytePosition;
  const next = (): number => {
    const byte = at < stream.length ? stream[at] : 0;
    at += 1;
    return byte;
  };
  let code = 0;
  for (let byte = 0; byte < 4; byte += 1) code = code * 256 + next();
  let range = 2 ** 32 - 1;
  const weights = new Int8Array(weightCount(layout));
  for (let index = 0; index < weights.length; index += 1) {
    const unit = Math.floor(range / TOTAL);
    const symbol = symbolAt[Math.min(TOTAL - 1, Math.floor(code / unit))];
    weights[index] = symbol;
    code -= unit * starts[symbol];
    range = unit * counts[symbol];
    while (range < TOP) {
      range *= 256;
      code = (code * 256 + next()) % 2 ** 32;
    }
  }
  checkConsumed(at, stream);
  checkWeights(weights, crc);
  return weights;
}
