/** Which engine layers a graph becomes, and that they compute it exactly. */
import { rawCodec } from "@sluice/sdk/codec";
import { type CompiledModel, compile, describeProgram } from "@sluice/sdk/compile";
import type { Graph, RoundingStage, TensorId, Window } from "@sluice/sdk/graph";
import { type Command, type OverlayGeometry, smallGeometry, unpackCommands } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { firstDifference } from "../../support/check-compiled.js";
import { GraphBuilder } from "../../support/graph-builder.js";
import { randomInput } from "../../support/random-graph.js";
import { seededRandom } from "../../support/seeded-random.js";

const random = seededRandom(77);
const none = { top: 0, bottom: 0, left: 0, right: 0 };
const one = { top: 1, bottom: 1, left: 1, right: 1 };
const pointwise: Window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: none };
const three: Window = { ...pointwise, kernel: [3, 3], padding: one };
const signed = { min: -128, max: 127 };
const unsigned = { min: 0, max: 255 };

class Network extends GraphBuilder {
  constructor(height: number, width: number, channels: number) {
    super({ shape: [height, width, channels], min: -128, max: 127, scale: 1, zeroPoint: 0 });
  }

  convolve(input: TensorId, outputs: number, window: Window = three, accumulatorShift = 0): TensorId {
    const perOutput = window.kernel[0] * window.kernel[1] * this.tensor(input).shape[2];
    const weights = Int16Array.from({ length: outputs * perOutput }, () => random.integer(-127, 127));
    const bias = Int32Array.from({ length: outputs }, () => random.integer(-3000, 3000));
    const quantized = {
      groups: 1,
      weights,
      weightZeroPoint: 0,
      weightScale: Float64Array.of(1),
      weightBits: 8,
    };
    return this.add({ kind: "convolution", ...window, ...quantized, bias, accumulatorShift }, [input]);
  }

  quant(input: TensorId, exponent: number, clamp: { min: number; max: number }): TensorId {
    const stageA: RoundingStage = {
      multiplier: Int32Array.of(2 ** Math.max(0, exponent)),
      shift: Uint8Array.of(Math.max(0, -exponent)),
      rounding: "half-even",
    };
    return this.add({ kind: "requantize", inputZeroPoint: 0, stageA, zeroPoint: 0, clamp }, [input]);
  }

  sum(a: TensorId, b: TensorId): TensorId {
    const stageA: RoundingStage = {
      multiplier: Int32Array.of(1),
      shift: Uint8Array.of(0),
      rounding: "half-even",
    };
    const scale = { zeroPoint: 0, leftShift: 1, stageA };
    return this.add({ kind: "add", scales: [scale, scale] }, [a, b]);
  }

  build(output: TensorId): Graph {
    return this.finish("network", output);
  }
}

function check(graph: Graph, geometry: OverlayGeometry = smallGeometry): CompiledModel {
  const compiled = compile(graph, { geometry, codec: rawCodec });
  for (const seed of [1, 2]) {
    expect(
      firstDifference(graph, compiled, randomInput(graph, seed), geometry),
      `input ${seed}`,
    ).toBeUndefined();
  }
  return compiled;
}

function commandsOf(compiled: CompiledModel): Command[] {
  return unpackCommands(compiled.sections.find(({ kind }) => kind === "program")!.bytes);
}

function opcodesOf(compiled: CompiledModel): string {
  return commandsOf(compiled)
    .map(({ opcode }) => opcode)
    .join(" ");
}

describe("lowering", () => {
  it("collapses a chain of Quants and a ReLU into the convolution's table", () => {
    const net = new Network(6, 6, 8);
    const first = net.quant(net.convolve(0, 8), -9, signed);
    const relu = net.add({ kind: "clamp", min: 0, max: 127 }, [first]);
    const second = net.quant(net.quant(relu, -1, unsigned), 1, signed);
    const compiled = check(net.build(net.quant(net.convolve(second, 8), -9, signed)));
    expect(opcodesOf(compiled)).toBe("LOAD CONV CONV STORE END");
    expect(commandsOf(compiled)[1]).toMatchObject({
      tableEnable0: 1,
      output1Enable: 0,
      clampMin: -128,
      clampMax: 127,
    });
  });

  it("needs no table for a plain ReLU", () => {
    const net = new Network(6, 6, 8);
    const first = net.quant(net.convolve(0, 8), -9, signed);
    const compiled = check(net.build(net.add({ kind: "clamp", min: 0, max: 127 }, [first])));
    expect(commandsOf(compiled)[1]).toMatchObject({
      tableEnable0: 0,
      clampEnable: 0,
      outputMin: 0,
      outputMax: 127,
    });
  });

  it("moves a ReLU on accumulators behind the requantisation", () => {
    const net = new Network(6, 6, 8);
    const accumulator = net.convolve(0, 8);
    const relu = net.add({ kind: "clamp", min: 0, max: 2 ** 31 - 1 }, [accumulator]);
    expect(opcodesOf(check(net.build(net.quant(relu, -9, signed))))).toBe("LOAD CONV STORE END");
  });

  it("lets an addition read what a convolution reads, through its addend table", () => {
    const net = new Network(6, 6, 8);
    const stem = net.quant(net.convolve(0, 8), -9, unsigned);
    const halved = net.quant(stem, -1, signed);
    const branch = net.quant(net.convolve(stem, 8), -9, signed);
    const compiled = check(net.build(net.quant(net.sum(halved, branch), -1, signed)));
    expect(opcodesOf(compiled)).toBe("LOAD CONV CONV ADD STORE END");
    expect(commandsOf(compiled)[1]).toMatchObject({ output1Enable: 0 });
  });

  it("writes two outputs when two convolutions want different codes of one accumulator", () => {
    const net = new Network(6, 6, 8);
    const accumulator = net.convolve(0, 8);
    const a = net.quant(net.convolve(net.quant(accumulator, -9, signed), 8), -9, signed);
    const b = net.quant(net.convolve(net.quant(accumulator, -9, unsigned), 8), -9, signed);
    const compiled = check(net.build(net.quant(net.sum(a, b), -1, signed)));
    // Signed and unsigned together have nine bits, one stage A.
    expect(commandsOf(compiled)[1]).toMatchObject({ output1Enable: 1, clampMin: -128, clampMax: 255 });
  });

  it("makes a third code by a pass over a stored one", () => {
    const net = new Network(6, 6, 8);
    const stem = net.quant(net.convolve(0, 8), -9, signed);
    const codes = [
      stem,
      net.quant(stem, -1, signed),
      net.quant(stem, -2, signed),
      net.quant(stem, 1, signed),
    ];
    const branches = codes.map((code) => net.quant(net.convolve(code, 8), -9, signed));
    const total = branches.reduce((a, b) => net.quant(net.sum(a, b), -1, signed));
    const compiled = check(net.build(total));
    expect(opcodesOf(compiled)).toMatch(/^LOAD CONV POOL CONV CONV CONV CONV/);
    expect(compiled.layers[1].outputs).toHaveLength(2);
  });

  it("computes a layer twice for scales that no table relates", () => {
    const net = new Network(6, 6, 8);
    const accumulator = net.convolve(0, 8);
    const a = net.quant(accumulator, -9, signed);
    const b = net.quant(accumulator, -7, signed);
    const compiled = check(net.build(net.quant(net.sum(a, b), -1, signed)));
    expect(opcodesOf(compiled)).toBe("LOAD CONV CONV ADD STORE END");
  });

  it("turns a flattened fully connected layer into a window over the tensor", () => {
    const net = new Network(3, 5, 9);
    const stem = net.quant(net.convolve(0, 9), -9, signed);
    const flat = net.add({ kind: "reshape" }, [stem], undefined, [1, 1, 135]);
    const compiled = check(net.build(net.quant(net.convolve(flat, 4, pointwise), -10, signed)));
    expect(compiled.layers[1]).toMatchObject({ kind: "fully-connected" });
    expect(commandsOf(compiled)[2]).toMatchObject({ kernelHeight: 3, kernelWidth: 5, outChannels: 4 });
  });

  it("writes the members of an aligned concatenation in place", () => {
    const net = new Network(5, 5, 8);
    const members = [8, 16, 3].map((channels) => net.quant(net.convolve(0, channels), -9, signed));
    const joined = net.add({ kind: "concat" }, members);
    const compiled = check(net.build(net.quant(net.convolve(joined, 8), -10, signed)));
    expect(opcodesOf(compiled)).toBe("LOAD CONV CONV CONV CONV STORE END");
  });

  it("gathers an unaligned concatenation, copies repeated members and the input", () => {
    const net = new Network(5, 5, 4);
    const member = net.quant(net.convolve(0, 5), -9, signed);
    const joined = net.add({ kind: "concat" }, [member, 0, member]);
    check(net.build(net.quant(net.convolve(joined, 8), -10, signed)));
    check(net.build(joined));
  });

  it("nests concatenations", () => {
    const net = new Network(5, 5, 8);
    const a = net.quant(net.convolve(0, 8), -9, signed);
    const b = net.quant(net.convolve(0, 16), -9, signed);
    const inner = net.add({ kind: "concat" }, [a, b]);
    const outer = net.add({ kind: "concat" }, [inner, net.quant(net.convolve(inner, 8), -10, signed)]);
    check(net.build(net.quant(net.convolve(outer, 8), -10, signed)));
  });

  it("folds padding into convolutions and makes it real for pools", () => {
    const net = new Network(5, 5, 8);
    const stem = net.quant(net.convolve(0, 8), -9, signed);
    const padded = net.add({ kind: "pad", padding: { top: 0, bottom: 1, left: 2, right: 1 } }, [stem]);
    const folded = check(
      net.build(net.quant(net.convolve(padded, 8, { ...three, padding: none }), -9, signed)),
    );
    expect(opcodesOf(folded)).toBe("LOAD CONV CONV STORE END");
    const pooled = net.add({ kind: "max-pool", ...three, padding: none }, [padded]);
    expect(opcodesOf(check(net.build(pooled)))).toBe("LOAD CONV POOL POOL STORE END");
  });

  it("is exact with biases on a finer grid than the products", () => {
    for (const accumulatorShift of [1, 2, 3]) {
      const net = new Network(5, 5, 8);
      const accumulator = net.convolve(0, 16, three, accumulatorShift);
      check(net.build(net.quant(accumulator, -9 - accumulatorShift, signed)));
    }
  });

  it("expands the windows of a first layer with few channels", () => {
    const net = new Network(16, 16, 3);
    const strided: Window = { ...three, stride: [2, 2] };
    const compiled = check(net.build(net.quant(net.convolve(0, 16, strided), -8, signed)));
    expect(compiled.input.packing).toBe("packed");
    expect(commandsOf(compiled)[0]).toMatchObject({ tapsEnable: 1, outChannels: 27 });
  });

  it("lists the program for people", () => {
    const net = new Network(6, 6, 8);
    const text = describeProgram(check(net.build(net.quant(net.convolve(0, 8), -9, signed))));
    expect(text).toContain("CONV      6x6x8 @0 -> 6x6x8");
    expect(text).toContain('layer 0 convolution "convolution0", 576 weights in 576 bytes (raw)');
  });
});

describe("little activation memory", () => {
  const residual = (): Graph => {
    const net = new Network(24, 5, 8);
    let at = net.quant(net.convolve(0, 16), -9, signed);
    for (let block = 0; block < 2; block += 1) {
      const branch = net.quant(net.convolve(net.quant(net.convolve(at, 24), -9, signed), 16), -10, signed);
      at = net.quant(net.sum(at, branch), -1, signed);
    }
    return net.build(net.quant(net.convolve(at, 5), -9, signed));
  };

  for (const activationRows of [2048, 336, 335, 280, 200, 120, 80, 50]) {
    it(`gives the same bits with ${activationRows} rows`, () => {
      const compiled = check(residual(), { ...smallGeometry, activationRows });
      const [rows] = compiled.memory.filter(({ name }) => name === "activation rows");
      expect(rows.used).toBeLessThanOrEqual(activationRows);
      expect(compiled.plan.scratchBytes > 0).toBe(activationRows < 336);
      for (const { rows: band, shape } of compiled.layers) {
        expect(band[0]).toBeGreaterThanOrEqual(0);
        expect(band[1]).toBeLessThanOrEqual(shape[0]);
      }
    });
  }

  it("refuses with the numbers when not even one row fits", () => {
    expect(() => check(residual(), { ...smallGeometry, activationRows: 20 })).toThrow(
      expect.objectContaining({ code: "activation-memory", expected: "at most 20 activation rows" }),
    );
  });
});
