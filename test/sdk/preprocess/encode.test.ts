import { DatasetError } from "@sluice/sdk/errors.js";
import {
  checkPreprocessing,
  convertColor,
  createInputEncoder,
  defaultPreprocessing,
  encodePixels,
  encodingTable,
  overrideNormalization,
  type PixelImage,
} from "@sluice/sdk/preprocess";
import { describe, expect, it } from "vitest";
import { inputGraph, unitPixels } from "../../support/input-graph.js";
import { readNpy } from "../../support/npy.js";
import { hasSharedData, sharedFile } from "../../support/shared-data.js";

const graph = inputGraph({ shape: [2, 2, 3], scale: 1 / 64 }, unitPixels);
const codesGraph = inputGraph({ shape: [2, 2, 3], scale: 1, zeroPoint: -128 });

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DatasetError) return error.code;
    throw error;
  }
  return "no error";
}

describe("encoding table", () => {
  it("holds p - 128 for int8 codes and p for uint8 codes", () => {
    const int8 = encodingTable(defaultPreprocessing(codesGraph), codesGraph);
    expect([int8[0], int8[255], int8[256 + 130]]).toEqual([-128, 127, 2]);
    const uint8 = inputGraph({ shape: [1, 1, 1], min: 0, max: 255 });
    expect(encodingTable(defaultPreprocessing(uint8), uint8)).toEqual(
      Int32Array.from({ length: 256 }, (_, p) => p),
    );
  });

  it("saturates at the input's range", () => {
    const narrow = inputGraph({ shape: [1, 1, 3], scale: 1 / 1024 }, unitPixels);
    const table = encodingTable(defaultPreprocessing(narrow), narrow);
    expect([table[0], table[31], table[32], table[255]]).toEqual([0, 124, 127, 127]);
  });

  it.each([
    ["half-even", [0, 2, 2, 4]],
    ["half-up", [1, 2, 3, 4]],
    ["half-away", [1, 2, 3, 4]],
  ] as const)("rounds ties %s", (rounding, expected) => {
    const half = inputGraph(
      { shape: [1, 1, 1], scale: 2 },
      { kind: "normalize", scale: 1, mean: [0], std: [1], rounding },
    );
    const table = encodingTable(defaultPreprocessing(half), half);
    expect([table[1], table[3], table[5], table[7]]).toEqual(expected);
  });

  it("rounds negative ties away from zero or up as asked", () => {
    const tie = (rounding: "half-up" | "half-even" | "half-away") => {
      const record = { kind: "normalize", scale: 1, mean: [3], std: [1], rounding } as const;
      const half = inputGraph({ shape: [1, 1, 1], scale: 2 }, record);
      return encodingTable(defaultPreprocessing(half), half)[0]; // -1.5
    };
    expect([tie("half-up"), tie("half-even"), tie("half-away")]).toEqual([-1, -2, -2]);
  });

  it("applies mean and deviation per channel", () => {
    const record = overrideNormalization(
      defaultPreprocessing(graph),
      { mean: [0.5, 0, 0.25], std: [0.5, 1, 0.25] },
      graph,
    );
    const table = encodingTable(record, graph);
    const expected = (c: number, p: number) =>
      Math.round(((p / 255 - [0.5, 0, 0.25][c]) / [0.5, 1, 0.25][c]) * 64);
    for (const [c, p] of [
      [0, 0],
      [0, 200],
      [1, 100],
      [2, 10],
      [2, 77],
    ]) {
      // biome-ignore format: one table
      expect(table[c * 256 + p]).toBe(Math.max(-128, Math.min(127, expected(c, p))));
    }
  });

  it.runIf(hasSharedData).each([
    ["resnet8", 1 / 64],
    ["resnet20_a8w8b16", 1 / 128],
  ])("equals the golden first Quant node of %s for every pixel and channel", (name, scale) => {
    const model = inputGraph({ shape: [32, 32, 3], scale }, unitPixels);
    const golden = readNpy(sharedFile("golden", `${name}.input_lut.npy`));
    expect(Array.from(encodingTable(defaultPreprocessing(model), model))).toEqual(
      Array.from(golden.data as Int8Array),
    );
  });
});

describe("input encoder", () => {
  const encoder = createInputEncoder(defaultPreprocessing(graph), graph);

  it("encodes pixels in place order", () => {
    const data = Uint8Array.from({ length: 12 }, (_, i) => i * 20);
    const image: PixelImage = { kind: "pixels", height: 2, width: 2, channels: 3, data };
    const expected = Int32Array.from(data, (p) => Math.round((p / 255) * 64));
    expect(encoder.encode(image)).toEqual(expected);
    expect(encodePixels(data, encoder.preprocessing, graph)).toEqual(expected);
  });

  it("repeats grey for an RGB model and takes BT.601 luma for a grey one", () => {
    const grey: PixelImage = {
      kind: "pixels",
      height: 1,
      width: 2,
      channels: 1,
      data: Uint8Array.of(9, 200),
    };
    expect(convertColor(grey, 3).data).toEqual(Uint8Array.of(9, 9, 9, 200, 200, 200));
    const rgb: PixelImage = {
      kind: "pixels",
      height: 1,
      width: 1,
      channels: 3,
      data: Uint8Array.of(255, 0, 100),
    };
    expect(convertColor(rgb, 1).data).toEqual(Uint8Array.of(88)); // (76245 + 11400 + 500) / 1000
  });

  it("takes stored integers as they are and checks their range", () => {
    const shape = [2, 2, 3] as const;
    const data = Int8Array.from({ length: 12 }, (_, i) => i - 6);
    expect(encoder.encode({ kind: "stored", shape, data })).toEqual(Int32Array.from(data));
    expect(codeOf(() => encoder.encode({ kind: "stored", shape, data: new Int32Array(12).fill(128) }))).toBe(
      "out-of-range",
    );
  });

  it("quantises real values by scale and zero point only", () => {
    const shape = [2, 2, 3] as const;
    const data = Float32Array.of(0, 1 / 64, 0.5 / 64, 1.5 / 64, -0.5 / 64, 100, -100, 1, -1, 0.25, 0.5, 0.75);
    expect(Array.from(encoder.encode({ kind: "real", shape, data }))).toEqual([
      0, 1, 0, 2, 0, 127, -128, 64, -64, 16, 32, 48,
    ]);
    data[3] = Number.NaN;
    expect(codeOf(() => encoder.encode({ kind: "real", shape, data }))).toBe("out-of-range");
  });

  it("refuses other shapes", () => {
    const shape = [2, 3, 2] as const;
    expect(codeOf(() => encoder.encode({ kind: "stored", shape, data: new Int8Array(12) }))).toBe(
      "wrong-shape",
    );
    const image = { kind: "pixels", height: 2, width: 2, channels: 3, data: new Uint8Array(11) } as const;
    expect(codeOf(() => encoder.encode(image))).toBe("wrong-shape");
    expect(codeOf(() => encodePixels(new Uint8Array(3), encoder.preprocessing, graph))).toBe("wrong-shape");
  });

  it("refuses another picture size when resizing is off", () => {
    const record = defaultPreprocessing(graph);
    const fixed = createInputEncoder({ ...record, resize: { ...record.resize, method: "none" } }, graph);
    const image = { kind: "pixels", height: 3, width: 2, channels: 3, data: new Uint8Array(18) } as const;
    expect(codeOf(() => fixed.encode(image))).toBe("wrong-shape");
  });
});

describe("preprocessing record", () => {
  it("survives JSON and validation unchanged", () => {
    const record = defaultPreprocessing(graph);
    expect(checkPreprocessing(JSON.parse(JSON.stringify(record)), graph)).toEqual(record);
  });

  it("switches a codes input to normalize when a scale is given", () => {
    const record = overrideNormalization(defaultPreprocessing(codesGraph), { scale: 0.5 }, codesGraph);
    expect(record.encoding).toEqual({
      kind: "normalize",
      scale: 0.5,
      mean: [0],
      std: [1],
      rounding: "half-away",
    });
  });

  it.each([
    ["mean of two", { mean: [1, 2] }],
    ["zero deviation", { std: [0] }],
    ["zero scale", { scale: 0 }],
    ["endless mean", { mean: [Number.POSITIVE_INFINITY] }],
  ])("refuses a %s", (_, overrides) => {
    expect(codeOf(() => overrideNormalization(defaultPreprocessing(graph), overrides, graph))).toBe(
      "bad-preprocessing",
    );
  });

  it.each([
    ["nothing", null],
    ["an unknown version", { ...defaultPreprocessing(graph), version: 2 }],
    ["an unknown field", { ...defaultPreprocessing(graph), flip: true }],
    ["another size", { ...defaultPreprocessing(graph), resize: { method: "bilinear", height: 3, width: 2 } }],
    ["another colour", { ...defaultPreprocessing(graph), color: "gray" }],
  ])("refuses %s and names the field", (_, value) => {
    expect(codeOf(() => checkPreprocessing(value, graph))).toBe("bad-preprocessing");
  });
});
