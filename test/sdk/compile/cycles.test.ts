/** The cycle model's terms, each on a program where nothing else matters, and its promises on whole programs. */
import { deflateCodec, rawCodec } from "@sluice/sdk/codec";
import {
  COMMAND_SETUP,
  COMPUTE_DRAIN,
  compile,
  INFLATE_BLOCK,
  LOAD_OVERHEAD,
  PROGRAM_FETCH,
  programCycles,
  TAP_DRAIN,
} from "@sluice/sdk/compile";
import {
  type Command,
  type ConvCommand,
  kv260Geometry,
  type LoadCommand,
  smallGeometry,
  unpackCommands,
} from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { randomGraph } from "../../support/random-graph.js";

const geometry = kv260Geometry;
const latency = geometry.memoryLatency;

/** Every field 0 but those given: the model looks at sizes only. */
function command<C extends Command>(opcode: C["opcode"], fields: Partial<C>): C {
  const sizes = { layer: 0, kernelHeight: 1, kernelWidth: 1, strideWidth: 1, codec: 0, weightsBytes: 0 };
  return { ...sizes, opcode, ...fields } as unknown as C;
}

const conv = (fields: Partial<ConvCommand>) =>
  command<ConvCommand>("CONV", {
    inChannels: 16,
    outChannels: 16,
    outHeight: 32,
    outWidth: 32,
    kernelHeight: 3,
    kernelWidth: 3,
    weightsBytes: 2304,
    ...fields,
  });

/** Cycles from a command's start to the first block's last step at the earliest: 16 channels' parameters. */
const PARAMETERS = 20;
/** Around the blocks of 8 pixels of 16 channels: requantised in 4 beats, their CRC taken in 4 cycles. */
const AROUND = COMMAND_SETUP + COMPUTE_DRAIN + 4 + 4;

describe("programCycles", () => {
  it("charges a dense layer its taps, words and blocks", () => {
    const { layers } = programCycles([conv({})], geometry);
    // The first block's 18 steps are over before its parameters are there.
    expect(layers[0].compute).toBe(AROUND + PARAMETERS + (32 * 4 - 1) * 9 * 2);
    expect(layers[0].weightBeats).toBe(144);
  });

  it("reads twice for stride 2 and P times for stride 3", () => {
    const cycles = (strideWidth: number) =>
      programCycles([conv({ strideWidth })], geometry).layers[0].compute;
    expect(cycles(2) - AROUND).toBe(2 * 32 * 4 * 18);
    expect(cycles(3) - AROUND).toBe(8 * 32 * 4 * 18);
  });

  it("is bound by requantisation where a block has few steps", () => {
    const { layers } = programCycles(
      [conv({ kernelHeight: 1, kernelWidth: 1, inChannels: 8, weightsBytes: 128 })],
      geometry,
    );
    expect(layers[0].compute).toBe(AROUND + PARAMETERS + (32 * 4 - 1) * 4);
  });

  it("waits for the parameters of every tile", () => {
    const pixel = conv({ kernelHeight: 1, kernelWidth: 1, outHeight: 1, outWidth: 1, weightsBytes: 256 });
    const cycles = (outChannels: number) =>
      programCycles([{ ...pixel, outChannels, weightsBytes: outChannels * 16 }], geometry).layers[0].compute;
    // A tile's block reaches its requantiser 22 cycles after its only step; then come the next tile's 16 channels.
    expect(cycles(32) - cycles(16)).toBe(22 + PARAMETERS);
    const pooling = (outChannels: number) =>
      programCycles([{ ...pixel, opcode: "POOL", outChannels } as unknown as Command], geometry).layers[0]
        .compute;
    expect(pooling(32) - pooling(16)).toBe(22 + 1);
  });

  it("charges a depthwise layer O / I rows a tap", () => {
    const depthwise = {
      ...conv({ outHeight: 8, outWidth: 8, weightsBytes: 144 }),
      opcode: "DEPTHWISE",
    } as unknown as Command;
    expect(programCycles([depthwise], geometry).layers[0].compute).toBe(AROUND + PARAMETERS + 7 * 9 * 2);
  });

  it("hides decoding behind the layers before, and shows it where it cannot", () => {
    const slow = conv({ layer: 1, outHeight: 1, outWidth: 1, codec: deflateCodec.id, weightsBytes: 1000 });
    const alone = programCycles([{ ...slow, layer: 0 }], geometry).layers[0];
    expect(alone.stallWeights).toBe(latency + 2304 + INFLATE_BLOCK - COMMAND_SETUP - PARAMETERS);
    const behind = programCycles([conv({}), conv({ layer: 1 }), { ...slow, layer: 2 }], geometry);
    expect(behind.layers[2].stallWeights).toBe(0);
  });

  it("waits for room in the ring before it decodes on", () => {
    const tile = (layer: number) =>
      conv({ layer, inChannels: 1024, outHeight: 1, outWidth: 8, weightsBytes: 9 * 16384 });
    const { layers } = programCycles([0, 1, 2, 3, 4, 5].map(tile), { ...geometry, weightLines: 1152 });
    // Two tiles of 1,152 lines fit; the port needs 9,216 cycles for each, the array 1,152.
    for (const layer of layers.slice(2)) expect(layer.total).toBeGreaterThanOrEqual(9216);
  });

  it("charges transfers by words and port, and windows by groups of pixels", () => {
    const load = command<LoadCommand>("LOAD", {
      tapsEnable: 0,
      outHeight: 32,
      outWidth: 32,
      outChannels: 16,
    });
    const around = PROGRAM_FETCH + COMMAND_SETUP + LOAD_OVERHEAD + latency;
    expect(programCycles([load], geometry).stallData).toBe(around + 2048);
    const source = { tapsEnable: 1, inHeight: 32, inWidth: 32, inChannels: 3, outChannels: 27 };
    const windows = { ...load, ...source, kernelHeight: 3, kernelWidth: 3, strideWidth: 1, padTop: 1 };
    // Runs of 9 bytes lie in two words each; two source rows of 6 beats come first.
    const steps = (command: LoadCommand) => programCycles([command], geometry).stallData - around - TAP_DRAIN;
    expect(steps(windows)).toBe(2 * 6 + 32 * 4 * 6);
    // 4 channels at stride 2 are 8 bytes from pixel to pixel: one by one. A run of 12 bytes lies in two words.
    const apart = { ...windows, outWidth: 16, outHeight: 16, inChannels: 4, outChannels: 36, strideWidth: 2 };
    expect(steps(apart)).toBe(2 * 8 + 16 * 16 * 6);
    // The port is the limit: 3,072 beats, and the last row of windows behind them.
    const wide = { ...windows, inHeight: 512, outHeight: 1 };
    expect(steps(wide)).toBe(3072 + 4 * 6);
  });

  it("adds up: every cycle of a layer is compute, weights or data, and layers make the frame", () => {
    for (let seed = 1; seed < 20; seed += 1) {
      const compiled = compile(
        randomGraph(seed, { dialect: "int8", kinds: ["convolution", "depthwise", "pad"] }),
        {
          geometry: smallGeometry,
          codec: seed % 2 ? rawCodec : deflateCodec,
        },
      );
      const program = compiled.sections.find(({ kind }) => kind === "program")!;
      const frame = programCycles(unpackCommands(program.bytes), smallGeometry);
      expect(frame.total).toBe(compiled.plan.cyclesPerFrame);
      expect(frame.layers).toEqual(compiled.layers.map(({ cycles }) => cycles));
      for (const { total, compute, stallWeights, stallData } of frame.layers) {
        expect(compute + stallWeights + stallData).toBe(total);
      }
      expect(frame.layers.reduce((sum, { total }) => sum + total, 0)).toBe(frame.total);
    }
  });
});
