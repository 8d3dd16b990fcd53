/**
 * Canonical Huffman with codes of at most 12 bits, one table per layer: for comparison, and as the textbook method.
 * Stream, least significant bit first: CRC-32C of the weights (32 bits), least and greatest byte (8 + 8), the code length
 * of each byte in between (4 bits, 0 = absent), then the codes in demand order, each from its first bit on.
 * Length limiting is package-merge (Larmore and Hirschberg, 1990).
 */
import { BitReader, BitWriter } from "./ans/bit-stream.js";
import { checkConsumed, checkWeights, refuseTables, weightsCrc } from "./checksum.js";
import { type WeightCodec, type WeightLayout, weightCount } from "./types.js";

const LONGEST = 12;

export const huffmanCodec: WeightCodec = {
  name: "huffman",
  id: 3,
  encode(layers, options) {
    const streams = layers.map(({ weights }, index) => {
      const stream = encodeLayer(weights);
      options?.onProgress?.((index + 1) / layers.length);
      return stream;
    });
    return { tables: new Uint8Array(0), streams };
  },
  openDecoder(tables) {
    refuseTables(tables, "huffman");
    return { decode: decodeLayer };
  },
};

/** Code lengths of at most `longest` bits that minimise the coded size; 0 where the count is 0. */
export function codeLengths(counts: ArrayLike<number>, longest = LONGEST): Uint8Array {
  const symbols = Array.from(counts, (count, symbol) => ({ count, symbols: [symbol] })).filter(
    ({ count }) => count > 0,
  );
  const lengths = new Uint8Array(counts.length);
  if (symbols.length === 1) lengths[symbols[0].symbols[0]] = 1;
  if (symbols.length < 2) return lengths;
  const single = symbols.sort((left, right) => left.count - right.count);
  let packages = single;
  for (let level = 1; level < longest; level += 1) {
    const merged = [];
    for (let index = 0; index + 1 < packages.length; index += 2) {
      const [left, right] = [packages[index], packages[index + 1]];
      merged.push({ count: left.count + right.count, symbols: [...left.symbols, ...right.symbols] });
    }
    packages = [...single, ...merged].sort((left, right) => left.count - right.count);
  }
  for (const { symbols: own } of packages.slice(0, 2 * single.length - 2)) {
    for (const symbol of own) lengths[symbol] += 1;
  }
  return lengths;
}

/** Canonical codes: shorter first, then by symbol; bit-reversed, so that the first bit of a code is the lowest. */
function canonicalCodes(lengths: Uint8Array): Uint16Array {
  const codes = new Uint16Array(lengths.length);
  let code = 0;
  for (let length = 1; length <= LONGEST; length += 1) {
    for (let symbol = 0; symbol < lengths.length; symbol += 1) {
      if (lengths[symbol] !== length) continue;
      for (let bit = 0; bit < length; bit += 1) {
        if ((code >> bit) & 1) codes[symbol] |= 1 << (length - 1 - bit);
      }
      code += 1;
    }
    code <<= 1;
  }
  return codes;
}

function encodeLayer(weights: Int8Array): Uint8Array {
  const counts = new Uint32Array(256);
  for (const weight of weights) counts[weight & 255] += 1;
  const lengths = codeLengths(counts);
  const codes = canonicalCodes(lengths);
  const least = lengths.findIndex((length) => length > 0);
  const greatest = lengths.findLastIndex((length) => length > 0);
  const out = new BitWriter();
  out.write(weightsCrc(weights), 32);
  out.write(least, 8);
  out.write(greatest, 8);
  for (let symbol = least; symbol <= greatest; symbol += 1) out.write(lengths[symbol], 4);
  for (const weight of weights) out.write(codes[weight & 255], lengths[weight & 255]);
  return out.toBytes();
}

function decodeLayer(stream: Uint8Array, layout: WeightLayout): Int8Array {
  const reader = new BitReader(stream, "huffman stream");
  const crc = reader.read(32);
  const least = reader.read(8);
  const greatest = reader.read(8);
  const lengths = new Uint8Array(256);
  for (let symbol = least; symbol <= greatest; symbol += 1) lengths[symbol] = reader.read(4);
  // symbolAt[length][code - first code of that length]
  const bySize = Array.from({ length: LONGEST + 1 }, (_, length) => {
    return Array.from(lengths.keys()).filter((symbol) => length > 0 && lengths[symbol] === length);
  });
  const weights = new Int8Array(weightCount(layout));
  for (let index = 0; index < weights.length; index += 1) {
    let code = 0;
    let first = 0;
    let length = 0;
    for (;;) {
      length += 1;
      if (length > LONGEST) reader.fail("a code of at most 12 bits", "none that matches");
      code = (code << 1) | reader.read(1);
      first <<= 1;
      const own = bySize[length];
      if (code - first < own.length) {
        weights[index] = own[code - first];
        break;
      }
      first += own.length;
    }
  }
  reader.align(8);
  checkConsumed(reader.bytePosition, stream);
  checkWeights(weights, crc);
  return weights;
}
