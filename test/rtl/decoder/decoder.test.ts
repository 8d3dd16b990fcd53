/** The weight decoder against the slow decoder: random layers as the encoder writes them, back-pressure, damage. */
import { spawnSync } from "node:child_process";
import type { LayerWeights, WeightLayout } from "@sluice/sdk/codec";
import { bucketMap } from "@sluice/sdk/codec/ans/buckets.js";
import { decodeReference } from "@sluice/sdk/codec/ans/decode-reference.js";
import { type AnsOptions, encodeAns } from "@sluice/sdk/codec/ans/encode.js";
import { type CodedHeader, kinds, readHeader } from "@sluice/sdk/codec/ans/header.js";
import { type ModelTables, unpackTables } from "@sluice/sdk/codec/ans/tables.js";
import { type DecoderLimits, decoderLimits, kv260Geometry, smallGeometry } from "@sluice/sdk/overlay";
import { beforeAll, describe, expect, it } from "vitest";
import { distributions, randomLayer } from "../../sdk/codec/layers.js";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";
import { classEntries, rawBitsOf } from "../class-entries.js";
import { buildBench } from "../verilated-bench.js";

const SEED = Number(process.env.SLUICE_SEED ?? 20_261_130);
const STATUS = { done: 0, damaged: 1 };

interface Job {
  readonly tables: Uint8Array;
  readonly stream: Uint8Array;
  readonly layout: WeightLayout;
  readonly coded: boolean;
  /** 0: nothing ever waits. */
  readonly stalls: number;
}

interface Result {
  readonly status: number;
  readonly cycles: number;
  readonly weights: Int8Array;
}

/** A decoder as one of the geometries has it. */
interface Decoder {
  readonly outputs: number;
  readonly limits: DecoderLimits;
  binary: string;
}

function tableFields(tables: Uint8Array): number[] {
  if (tables.length === 0) return [8, 1, ...new Array(33).fill(0)];
  const model = unpackTables(tables);
  const entries = classEntries(model);
  const padded = (values: number[]): number[] => [...values, ...new Array(16 - values.length).fill(0)];
  const rawBits = model.classes.map(rawBitsOf);
  return [
    model.log,
    model.classes.length,
    ...padded(rawBits.map(({ narrow }) => narrow)),
    ...padded(rawBits.map(({ wide }) => wide)),
    entries.length,
    ...entries,
  ];
}

/** Calls back with the output channel, tap and input channel of each weight, in demand order. */
function visitWeights(
  { outputs, inputs, kernelHeight, kernelWidth, outputTile }: WeightLayout,
  visit: (index: number, output: number, tap: number, input: number) => void,
): void {
  let index = 0;
  for (let tile = 0; tile < outputs; tile += outputTile) {
    for (let row = 0; row < inputs * kernelHeight * kernelWidth; row += 1) {
      for (let output = tile; output < Math.min(tile + outputTile, outputs); output += 1) {
        visit(index, output, Math.floor(row / inputs), row % inputs);
        index += 1;
      }
    }
  }
}

/** Weights that a wide symbol of their class stands for. */
function countWide(
  header: CodedHeader,
  model: ModelTables,
  layout: WeightLayout,
  weights: Int8Array,
): number {
  if (header.kind !== kinds.single || header.prediction) return 0;
  let count = 0;
  visitWeights(layout, (index, output, tap, input) => {
    const sum = header.base + header.a[output] + header.b[input] + header.c[tap];
    const { table, ...buckets } = model.classes[Math.min(Math.max(sum, header.first), header.last)];
    const { symbolOf, rawBits } = bucketMap(buckets);
    const symbol = symbolOf[(weights[index] - header.center) & 0xff];
    if (rawBits[symbol] > buckets.shift && model.tables[table][symbol] > 0) count += 1;
  });
  return count;
}

function rowsOf({ outputs, inputs, kernelHeight, kernelWidth, outputTile }: WeightLayout): number {
  return Math.ceil(outputs / outputTile) * inputs * kernelHeight * kernelWidth;
}

function decodeAll({ binary }: Decoder, jobs: readonly Job[]): Result[] {
  const input = jobs.flatMap(({ tables, stream, layout, coded, stalls }) => {
    const { outputs, inputs, kernelHeight, kernelWidth } = layout;
    const fields = [stalls, Number(coded), 0, inputs, outputs, kernelHeight, kernelWidth];
    fields.push(stream.length, rowsOf(layout), ...tableFields(tables));
    return [Buffer.from(Uint32Array.from(fields).buffer), stream];
  });
  const run = spawnSync(binary, { input: Buffer.concat(input), maxBuffer: 2 ** 30 });
  if (run.status !== 0) {
    // Verilator's messages are among the results.
    const message =
      run.stdout
        .toString("latin1")
        .match(/%Error.*/g)
        ?.join(" ") ?? run.stderr;
    throw new Error(`The bench ended with ${run.status ?? run.signal}: ${message}`);
  }
  let at = 0;
  const word = (): number => {
    at += 4;
    return run.stdout.readUInt32LE(at - 4);
  };
  return jobs.map(({ layout }) => {
    const [status, cycles, rows] = [word(), word(), word()];
    const bytes = run.stdout.subarray(at, at + rows * layout.outputTile);
    at += bytes.length;
    return { status, cycles, weights: inDemandOrder(bytes, layout) };
  });
}

/** The weights that are real, of rows as wide as a tile. */
function inDemandOrder(rows: Uint8Array, layout: WeightLayout): Int8Array {
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layout;
  const perTile = inputs * kernelHeight * kernelWidth;
  const weights: number[] = [];
  for (let row = 0; row < rows.length / outputTile; row += 1) {
    const width = Math.min(outputTile, outputs - Math.floor(row / perTile) * outputTile);
    for (let at = 0; at < width; at += 1) weights.push(rows[outputTile * row + at]);
  }
  return Int8Array.from(weights);
}

/** Neighbouring taps alike, so that prediction pays. */
function smoothLayer(random: SeededRandom, layout: WeightLayout): LayerWeights {
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layout;
  const taps = kernelHeight * kernelWidth;
  const weights: number[] = [];
  for (let tile = 0; tile < outputs; tile += outputTile) {
    const width = Math.min(outputTile, outputs - tile);
    const plane = Array.from({ length: inputs * width }, () => 20 + distributions.gaussian(random.next) / 2);
    for (let tap = 0; tap < taps; tap += 1) {
      plane.forEach((weight, at) => {
        plane[at] = weight + distributions.narrow(random.next);
        weights.push(Math.max(-128, Math.min(127, Math.round(plane[at]))));
      });
    }
  }
  return { name: "smooth", layout, weights: Int8Array.from(weights) };
}

/** Many output channels or input channels without any weight but zero, as pruning leaves them. */
function prunedLayer(random: SeededRandom, outputTile: number): LayerWeights {
  const kernelWidth = random.pick([1, 1, 3]);
  const layout = {
    outputs: random.integer(16, 70),
    inputs: random.integer(16, 70),
    kernelHeight: 1,
    kernelWidth,
    outputTile,
  };
  const { weights } = randomLayer(random.next, random.pick(["gaussian", "uniform", "narrow"]), layout);
  const share = random.pick([0.3, 0.6, 0.8]);
  const dead = Array.from({ length: 70 }, () => random.chance(share));
  const [outputs, inputs] = random.pick([
    [true, false],
    [false, true],
    [false, true],
    [true, true],
  ]);
  visitWeights(layout, (index, output, _tap, input) => {
    if ((outputs && dead[output]) || (inputs && dead[input])) weights[index] = 0;
  });
  return { name: "pruned", layout, weights };
}

function randomShape(random: SeededRandom, outputTile: number): WeightLayout {
  const kernel = random.pick([1, 1, 2, 3, 3, 5]);
  return {
    outputs: random.pick([random.integer(1, 16), 16, 32, random.integer(1, 70)]),
    inputs: random.pick([1, 2, 3, random.integer(1, 8), random.integer(1, kernel > 1 ? 20 : 70)]),
    kernelHeight: kernel,
    kernelWidth: random.chance(0.2) ? random.integer(1, 3) : kernel,
    outputTile,
  };
}

/** Jobs of models of three layers, each with what its stream is. */
function randomJobs(random: SeededRandom, { outputs, limits }: Decoder, models: number) {
  return Array.from({ length: models }, () => {
    const layers = [0, 1, 2].map(() => {
      const layout = randomShape(random, outputs);
      if (random.chance(0.2)) return prunedLayer(random, outputs);
      return random.chance(0.4) ? smoothLayer(random, layout) : randomLayer(random.next, undefined, layout);
    });
    const options: AnsOptions = {
      limits,
      lanes: random.pick([4, 8, outputs]),
      fewestLanes: random.pick([4, 16]),
      segmentWeights: random.pick([1, 500, 65_536]),
      pairs: random.pick(["never", "always"]),
    };
    const { tables, streams } = encodeAns(layers, options);
    return layers.map(({ layout, weights }, index) => {
      const stream = streams[index];
      return { tables, stream, layout, weights, coded: true, stalls: random.integer(1, 2 ** 31) };
    });
  }).flat();
}

describe.each([kv260Geometry, smallGeometry])(
  `weight decoder of $id against the slow decoder, seed ${SEED}`,
  (geometry) => {
    const decoder: Decoder = { outputs: geometry.outputs, limits: decoderLimits(geometry), binary: "" };
    const { outputs, limits } = decoder;
    /** Encoded once for all tests, as that is what takes the time. */
    let encoded: ReturnType<typeof randomJobs>;
    beforeAll(() => {
      encoded = randomJobs(seededRandom(SEED), decoder, 60);
      const names = [
        "weight_decoder",
        "weight_words",
        "stream_header",
        "step_walker",
        "ans_lanes",
        "ans_lane",
        "lane_table",
        "dsp_parity",
      ];
      names.push("bit_window", "tap_predictor", "tap_sum", "row_crc", "fifo");
      decoder.binary = buildBench({
        name: "decoder",
        top: "decoder_ports",
        rtl: ["sluice_pkg.sv", ...names.map((name) => `${name}.sv`), "../sim/decoder/decoder_ports.sv"],
        parameters: { Outputs: outputs },
      });
    }, 300_000);

    for (const stalls of [false, true]) {
      it(`decodes every kind of stream ${stalls ? "whatever waits for what" : "at full speed"}`, () => {
        const jobs = stalls ? encoded : encoded.map((job) => ({ ...job, stalls: 0 }));
        const kindsSeen = {
          stored: 0,
          single: 0,
          pairs: 0,
          predicted: 0,
          segmented: 0,
          gappedA: 0,
          gappedB: 0,
          wide: 0,
        };
        decodeAll(decoder, jobs).forEach(({ status, weights }, index) => {
          const { layout, stream, tables, weights: expected } = jobs[index];
          const model = tables.length > 0 ? unpackTables(tables) : undefined;
          const { header } = readHeader(stream, layout, model);
          const what = `case ${index}: ${JSON.stringify({ layout, header: { ...header, a: 0, b: 0, c: 0 } })}`;
          expect(status, what).toBe(STATUS.done);
          expect(weights, what).toEqual(expected);
          if (header.kind === kinds.stored) kindsSeen.stored += 1;
          else {
            kindsSeen[header.kind === kinds.pairs ? "pairs" : "single"] += 1;
            if (header.prediction) kindsSeen.predicted += 1;
            if (header.tilesPerSegment > 0) kindsSeen.segmented += 1;
            kindsSeen.gappedA += (stream[1] >> 1) & 1;
            kindsSeen.gappedB += (stream[1] >> 2) & 1;
            if (model && countWide(header, model, layout, expected) > 0) kindsSeen.wide += 1;
          }
        });
        console.log(`decoder: ${JSON.stringify(kindsSeen)}`);
        for (const [kind, count] of Object.entries(kindsSeen)) expect(count, kind).toBeGreaterThan(2);
      });
    }

    it("passes stored bytes of any width", () => {
      const random = seededRandom(SEED + 2);
      const jobs = Array.from({ length: 60 }, (_, index) => {
        const { layout, weights } = randomLayer(random.next, "uniform", randomShape(random, outputs));
        const stream = new Uint8Array(weights.buffer);
        return { tables: new Uint8Array(0), stream, layout, weights, coded: false, stalls: index % 2 };
      });
      decodeAll(decoder, jobs).forEach(({ status, weights }, index) => {
        expect(status, `case ${index}`).toBe(STATUS.done);
        expect(weights, `case ${index}`).toEqual(jobs[index].weights);
      });
    });

    it("delivers a row per cycle", () => {
      const random = seededRandom(SEED + 3);
      const layout = { outputs: 64, inputs: 256, kernelHeight: 1, kernelWidth: 1, outputTile: outputs };
      const { weights } = randomLayer(random.next, "gaussian", layout);
      const { tables, streams } = encodeAns([{ name: "wide", layout, weights }], { limits });
      const stored = { tables, stream: new Uint8Array(weights.buffer), layout, coded: false, stalls: 0 };
      const coded = { tables, stream: streams[0], layout, coded: true, stalls: 0 };
      const [first, second] = decodeAll(decoder, [coded, stored]);
      console.log(`decoder: ${rowsOf(layout)} rows in ${first.cycles} cycles, stored in ${second.cycles}`);
      expect(first.cycles).toBeLessThan(rowsOf(layout) + 120);
      expect(second.cycles).toBeLessThan(rowsOf(layout) + 60);
    });

    it("never takes a damaged stream for whole, and goes on with the next", () => {
      const random = seededRandom(SEED + 4);
      const whole = encoded.slice(0, 90);
      const jobs = whole.flatMap((job) => {
        const stream = job.stream.slice();
        const changes = random.integer(1, 3);
        for (let count = 0; count < changes; count += 1) {
          const most = random.pick([12, 80, stream.length]);
          stream[random.integer(0, Math.min(stream.length, most) - 1)] ^= 1 << random.integer(0, 7);
        }
        const cut = random.chance(0.2) ? stream.subarray(0, random.integer(1, stream.length)) : stream;
        return [{ ...job, stream: cut }, job];
      });
      const known = (job: Job): Int8Array | undefined => {
        try {
          return decodeReference(job.tables, job.stream, job.layout);
        } catch {
          return undefined;
        }
      };
      let damaged = 0;
      decodeAll(decoder, jobs).forEach(({ status, weights }, index) => {
        const job = jobs[index];
        if (index % 2 === 1) {
          expect(status, `case ${index}`).toBe(STATUS.done);
          expect(weights, `case ${index}`).toEqual(whole[(index - 1) / 2].weights);
        } else if (status === STATUS.done) {
          // Only bits that mean nothing were changed.
          expect(weights, `case ${index}`).toEqual(whole[index / 2].weights);
        } else {
          expect(status, `case ${index}`).toBe(STATUS.damaged);
          damaged += 1;
          const reference = known(job);
          if (reference) expect(reference, `case ${index} is within the limits`).toBeUndefined();
        }
      });
      console.log(`decoder: ${damaged} of ${jobs.length / 2} changed streams are refused`);
      expect(damaged).toBeGreaterThan(jobs.length / 3);
    });
  },
);
