import { spawnSync } from "node:child_process";
import zlib from "node:zlib";
import { deflateCodec, weightsOfGraph } from "@sluice/sdk/codec";
import { importModel } from "@sluice/sdk/import";
import { beforeAll, describe, expect, it } from "vitest";
import { hasSharedData, sharedFile } from "../../support/shared-data.js";
import { buildBench } from "../verilated-bench.js";

let binary: string;

interface Result {
  readonly error: number;
  readonly cycles: number;
  readonly output: Buffer;
}

function inflateAll(streams: readonly Uint8Array[], stalls: boolean): Result[] {
  const input = streams.flatMap((stream, index) => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(stalls ? 2 * index + 1 : 0, 0);
    head.writeUInt32LE(stream.length, 4);
    return [head, stream];
  });
  const run = spawnSync(binary, { input: Buffer.concat(input), maxBuffer: 2 ** 28 });
  if (run.status !== 0) throw new Error(`The bench ended with ${run.status ?? run.signal}: ${run.stderr}`);
  let at = 0;
  return streams.map(() => {
    const [error, cycles, bytes] = [0, 4, 8].map((offset) => run.stdout.readUInt32LE(at + offset));
    at += 12 + bytes;
    return { error, cycles, output: run.stdout.subarray(at - bytes, at) };
  });
}

/** xorshift32. */
function generator(seed: number) {
  let state = seed;
  return (below: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Bytes like weights: a few values often, others seldom; with `spread` 256 noise, with runs of earlier bytes. */
function weights(random: (below: number) => number, length: number, spread: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    if (at > 8 && random(12) === 0) {
      const distance = 1 + random(Math.min(at, 32768));
      const run = Math.min(1 + random(300), length - at);
      for (let index = 0; index < run; index += 1, at += 1) bytes[at] = bytes[at - distance];
    } else {
      bytes[at] = random(spread) - random(spread);
      at += 1;
    }
  }
  return bytes;
}

const SEED = 20_260_102;
const strategies = [zlib.constants.Z_DEFAULT_STRATEGY, zlib.constants.Z_FIXED, zlib.constants.Z_HUFFMAN_ONLY];

describe(`inflate core against zlib, seed ${SEED}`, () => {
  beforeAll(() => {
    const files = ["huffman_match.sv", "inflate_bits.sv", "inflate.sv"];
    binary = buildBench({ name: "inflate", top: "inflate", rtl: files.map((name) => `inflate/${name}`) });
  }, 300_000);

  function streams(count: number, largest: number) {
    const random = generator(SEED);
    return Array.from({ length: count }, () => {
      const plain = weights(random, random(4) === 0 ? random(40) : random(largest), 1 + random(128));
      const level = [0, 1, 6, 9][random(4)];
      const packed = zlib.deflateSync(plain, {
        level,
        strategy: strategies[random(3)],
        memLevel: 1 + random(9),
      });
      return { plain, packed };
    });
  }

  for (const stalls of [false, true]) {
    it(`inflates stored, fixed and dynamic blocks ${stalls ? "with" : "without"} stalls`, () => {
      const cases = streams(150, 6000);
      const results = inflateAll(
        cases.map(({ packed }) => packed),
        stalls,
      );
      results.forEach(({ error, output }, index) => {
        expect(error, `case ${index}`).toBe(0);
        expect(output.equals(cases[index].plain), `case ${index}`).toBe(true);
      });
    });
  }

  it("reaches back over the whole window", () => {
    const random = generator(SEED + 1);
    const noise = weights(random, 32_768, 128);
    const plain = Buffer.concat([noise, noise.subarray(0, 300), Buffer.alloc(70_000, 7), noise]);
    const [result] = inflateAll([zlib.deflateSync(plain, { level: 9 })], false);
    expect(result.error).toBe(0);
    expect(result.output.equals(plain)).toBe(true);
  });

  it("delivers about a byte per cycle on weights that do not repeat", () => {
    const random = generator(SEED + 2);
    const plain = Buffer.from(Array.from({ length: 40_000 }, () => random(24) - random(24)));
    const [result] = inflateAll([zlib.deflateSync(plain, { level: 9 })], false);
    expect(result.output.equals(plain)).toBe(true);
    console.log(`inflate: ${plain.length} bytes in ${result.cycles} cycles`);
    expect(result.cycles).toBeLessThan(1.2 * plain.length);
  });

  it.skipIf(!hasSharedData)("inflates every layer of ResNet-8 in at most 110,000 cycles", () => {
    const file = "resnet8.onnx";
    const layers = weightsOfGraph(importModel(sharedFile("models", file), { file }), 16);
    const { streams } = deflateCodec.encode(layers);
    const results = inflateAll(streams, false);
    results.forEach(({ error, output }, index) => {
      const { weights } = layers[index];
      expect(error, `layer ${index}`).toBe(0);
      expect(output.equals(Buffer.from(weights.buffer, weights.byteOffset, weights.length))).toBe(true);
    });
    const cycles = results.reduce((sum, result) => sum + result.cycles, 0);
    const bytes = results.reduce((sum, { output }) => sum + output.length, 0);
    console.log(`inflate: ResNet-8, ${bytes} weights of ${layers.length} layers in ${cycles} cycles`);
    expect(cycles).toBeLessThanOrEqual(110_000);
  });

  it("agrees with zlib about damaged and shortened streams, and never hangs", () => {
    const random = generator(SEED + 3);
    const damaged = streams(400, 1500).map(({ packed }) => {
      const bytes = Buffer.from(packed);
      if (random(3) === 0) return bytes.subarray(0, random(bytes.length));
      for (let count = 1 + random(3); count > 0; count -= 1) bytes[random(bytes.length)] ^= 1 << random(8);
      return bytes;
    });
    const results = inflateAll(damaged, true);
    results.forEach(({ error, output }, index) => {
      expect(error, `case ${index}`).not.toBe(255);
      let plain: Buffer | undefined;
      try {
        plain = zlib.inflateSync(damaged[index]);
      } catch (refusal) {
        expect(error, `case ${index}: ${refusal}`).not.toBe(0);
      }
      // zlib ignores what follows a stream; the core calls it an error.
      if (plain !== undefined && error !== 10) expect(output.equals(plain), `case ${index}`).toBe(true);
      if (plain !== undefined) expect([0, 10], `case ${index}`).toContain(error);
    });
  });

  it("names what is wrong", () => {
    const good = zlib.deflateSync(Buffer.from("weights and weights and weights"), { level: 9 });
    const with_ = (at: number, value: number) => {
      const bytes = Buffer.from(good);
      bytes[at < 0 ? bytes.length + at : at] ^= value;
      return bytes;
    };
    const cases: [Uint8Array, number][] = [
      [new Uint8Array(0), 1],
      [good.subarray(0, -2), 1],
      [with_(0, 1), 2],
      [Uint8Array.of(0x78, 0x9c, 0x07), 3],
      [Uint8Array.of(0x78, 0x9c, 0x01, 1, 0, 1, 0, 65, 0, 0), 4],
      [Uint8Array.of(0x78, 0x9c, 0xfd, 0xff, 0xff, 0xff), 5],
      [with_(-1, 1), 9],
      [Buffer.concat([good, Buffer.from([0])]), 10],
    ];
    const results = inflateAll(
      cases.map(([stream]) => stream),
      false,
    );
    expect(results.map(({ error }) => error)).toEqual(cases.map(([, error]) => error));
  });
});
