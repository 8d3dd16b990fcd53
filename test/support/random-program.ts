/**
 * Random layer programs that are valid but not sensible: odd shapes, both outputs, every rounding mode, tables, extreme
 * multipliers, concatenations by pitch, spills. Every byte follows from the seed.
 */
import type { LayerWeights } from "@sluice/sdk/codec";
import {
  type Command,
  type ComputeCommand,
  type ConvCommand,
  channelWords,
  type DepthwiseCommand,
  engineTile,
  type LoadCommand,
  memoryTensorBytes,
  type OverlayGeometry,
  type PoolCommand,
  pixelGroups,
  regionCodes,
  roundingCodes,
  type StoreCommand,
} from "@sluice/sdk/overlay";
import { type BuiltProgram, ImageBuilder } from "./image-builder.js";
import { roundQuotient } from "./program-interpreter.js";
import type { SeededRandom } from "./seeded-random.js";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type WindowFields = Pick<
  ConvCommand,
  | "kernelHeight"
  | "kernelWidth"
  | "strideHeight"
  | "strideWidth"
  | "dilationHeight"
  | "dilationWidth"
  | "padTop"
  | "padLeft"
  | "padValue"
>;
type ShapeFields = Pick<
  ConvCommand,
  | "layer"
  | "inBase"
  | "inPitch"
  | "inHeight"
  | "inWidth"
  | "inChannels"
  | "outChannels"
  | "out0Base"
  | "out0Pitch"
  | "out1Base"
  | "out1Pitch"
  | "outHeight"
  | "outWidth"
>;

interface Tensor {
  readonly base: number;
  readonly pitch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export interface RandomProgramOptions {
  readonly geometry: OverlayGeometry;
  readonly layers: number;
  readonly codecs: readonly number[];
  readonly largestSide?: number;
  readonly largestChannels?: number;
}

export interface RandomProgram extends BuiltProgram {
  readonly input: Uint8Array;
}

export function randomBytes(random: SeededRandom, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.integer(0, 255));
}

class ProgramGenerator {
  readonly #random: SeededRandom;
  readonly #options: RandomProgramOptions;
  readonly #builder: ImageBuilder;
  readonly #commands: Command[] = [];
  readonly #pending: { command: Mutable<ConvCommand | DepthwiseCommand>; layer: LayerWeights }[] = [];
  #nextRow = 0;
  #layer = 0;

  constructor(random: SeededRandom, options: RandomProgramOptions) {
    this.#random = random;
    this.#options = options;
    this.#builder = new ImageBuilder(options.geometry);
  }

  generate(): RandomProgram {
    const { geometry, layers } = this.#options;
    const loaded = this.#loadCommand();
    const input = randomBytes(this.#random, Math.ceil(loaded.bytes / 64) * 64);
    const tensors = [loaded.tensor];
    while (this.#layer < layers) {
      const source = this.#random.pick(tensors);
      const output = this.#computeCommand(source, tensors);
      if (output === undefined) break;
      tensors.push(...output);
    }
    const scratchBytes = this.#spill(tensors);
    const last = tensors[tensors.length - 1];
    this.#commands.push(this.#store(last, regionCodes.output, 0), { opcode: "END" });
    const outputBytes = memoryTensorBytes(last.height, last.width, last.channels, geometry);
    this.#encodeWeights();
    const frames = { inputBytes: loaded.bytes, outputBytes, scratchBytes };
    return { ...this.#builder.build(this.#commands, frames), input };
  }

  /** Room for a tensor, sometimes inside wider pixels as a concatenation leaves it. */
  #allocate(height: number, width: number, channels: number): Tensor | undefined {
    const { geometry } = this.#options;
    const before = this.#random.integer(0, 3) === 0 ? this.#random.integer(0, 2) : 0;
    const pitch = before + channelWords(channels, geometry) + (before > 0 ? this.#random.integer(0, 2) : 0);
    const rows = height * pixelGroups(width, geometry) * pitch;
    if (this.#nextRow + rows > geometry.activationRows) return undefined;
    const base = this.#nextRow + before;
    this.#nextRow += rows;
    return { base, pitch, height, width, channels };
  }

  #loadCommand(): { tensor: Tensor; bytes: number } {
    const random = this.#random;
    const { geometry } = this.#options;
    const side = this.#options.largestSide ?? 9;
    const height = random.integer(1, side);
    const width = random.integer(1, side);
    const command: Mutable<LoadCommand> = {
      opcode: "LOAD",
      layer: 0,
      region: regionCodes.input,
      tapsEnable: 0,
      outHeight: height,
      outWidth: width,
      inHeight: height,
      inWidth: width,
      inChannels: random.integer(1, 12),
      outChannels: 0,
      out0Base: 0,
      out0Pitch: 0,
      ...this.#window(height, width),
      dilationHeight: 1,
      dilationWidth: 1,
      offset: 0,
    };
    let channels = command.inChannels;
    let bytes = memoryTensorBytes(height, width, channels, geometry);
    if (random.integer(0, 1) === 1) {
      command.tapsEnable = 1;
      command.inChannels = random.integer(1, 3);
      channels = command.kernelHeight * command.kernelWidth * command.inChannels;
      command.outHeight = this.#outputSide(height, command.strideHeight);
      command.outWidth = this.#outputSide(width, command.strideWidth);
      bytes = height * width * command.inChannels;
    } else {
      Object.assign(command, { kernelHeight: 1, kernelWidth: 1, strideHeight: 1, strideWidth: 1 });
      Object.assign(command, { padTop: 0, padLeft: 0, padValue: 0 });
    }
    const tensor = this.#allocate(command.outHeight, command.outWidth, channels);
    if (tensor === undefined)
      throw new Error("The generator's first tensor does not fit: choose smaller limits.");
    command.outChannels = channels;
    command.out0Base = tensor.base;
    command.out0Pitch = tensor.pitch;
    this.#commands.push(command);
    return { tensor, bytes };
  }

  #window(height: number, width: number): WindowFields {
    const random = this.#random;
    const kernelHeight = random.integer(1, Math.min(4, height));
    const kernelWidth = random.integer(1, Math.min(4, width));
    return {
      kernelHeight,
      kernelWidth,
      strideHeight: random.integer(1, 3),
      strideWidth: random.integer(1, 3),
      dilationHeight: random.integer(0, 3) === 0 ? 2 : 1,
      dilationWidth: random.integer(0, 3) === 0 ? 2 : 1,
      padTop: random.integer(0, kernelHeight - 1),
      padLeft: random.integer(0, kernelWidth - 1),
      padValue: random.integer(-128, 127),
    };
  }

  #outputSide(side: number, stride: number): number {
    return Math.max(1, Math.ceil(side / stride) + this.#random.integer(-1, 1));
  }

  /** Requantisation with values that reach saturation, ties and both outputs' tables. */
  #requantize(channels: number, largest: number) {
    const random = this.#random;
    const clampEnable = random.integer(0, 1);
    const clampMin = random.integer(-260, -1);
    const clampMax = clampMin + random.integer(0, 511);
    const style = random.pick(["shift", "multiplier", "tflite", "extreme"] as const);
    // Engines may treat channels that share their shifts in another way.
    const shared = random.integer(0, 1) === 1;
    const shiftA = random.integer(0, 12);
    const shiftB = random.integer(0, 9);
    const records = Array.from({ length: channels }, () => {
      const bias = random.integer(-largest, largest);
      const ownShiftB = shared ? shiftB : random.integer(0, 9);
      if (style === "shift") {
        const ownShiftA = shared ? shiftA : random.integer(0, 12);
        return { bias, multiplier: random.pick([1, 1, 2]), shiftA: ownShiftA, shiftB: ownShiftB };
      }
      if (style === "extreme") {
        const shiftA = random.integer(0, 62);
        const limit = 2 ** Math.min(31, 20 + shiftA);
        const multiplier = random.integer(-limit, limit - 1);
        return { bias, multiplier, shiftA, shiftB: random.integer(0, 31) };
      }
      const multiplier = random.pick([
        0,
        random.integer(2 ** 30, 2 ** 31 - 1),
        random.integer(1, 2 ** 31 - 1),
      ]);
      if (style === "tflite") return { bias, multiplier, shiftA: 31, shiftB: random.integer(2, 12) };
      return {
        bias,
        multiplier,
        shiftA: shared ? 31 + (shiftA % 4) : random.integer(31, 40),
        shiftB: ownShiftB,
      };
    });
    const outputMin = random.integer(-128, 10);
    return {
      parametersOffset: this.#builder.parameters(records),
      tablesOffset: this.#builder.place(this.#tables(clampMin)),
      roundingA: style === "tflite" ? roundingCodes["half-up"] : random.integer(0, 2),
      roundingB: style === "tflite" ? roundingCodes["half-away"] : random.integer(0, 2),
      clampEnable,
      tableEnable0: clampEnable & random.integer(0, 1),
      tableEnable1: clampEnable & random.integer(0, 1),
      output1Enable: 0,
      outputZeroPoint: random.integer(-128, 127),
      clampMin: clampEnable ? clampMin : 0,
      clampMax: clampEnable ? clampMax : 0,
      outputMin,
      outputMax: random.integer(outputMin, 127),
    };
  }

  /** Two tables of 512 codes: noise, or what a chain of roundings and saturations leaves. */
  #tables(first: number): Uint8Array {
    const random = this.#random;
    const tables = randomBytes(random, 1024);
    for (const start of [0, 512]) {
      if (random.integer(0, 2) === 0) continue;
      const shift = random.integer(0, 3);
      const zeroPoint = random.integer(-128, 127);
      const rounding = random.integer(0, 2);
      for (let index = 0; index < 512; index += 1) {
        const value = zeroPoint + Number(roundQuotient(BigInt(first + index), BigInt(shift), rounding));
        tables[start + index] = Math.max(-128, Math.min(127, value));
      }
    }
    return tables;
  }

  #computeCommand(source: Tensor, tensors: readonly Tensor[]): Tensor[] | undefined {
    const random = this.#random;
    const kind = random.pick(["CONV", "CONV", "DEPTHWISE", "POOL", "ADD"] as const);
    const window = this.#window(source.height, source.width);
    const add = kind === "ADD";
    const height = add ? source.height : this.#outputSide(source.height, window.strideHeight);
    const width = add ? source.width : this.#outputSide(source.width, window.strideWidth);
    const channels =
      kind === "CONV" ? random.integer(1, this.#options.largestChannels ?? 40) : source.channels;
    const first = this.#allocate(height, width, channels);
    if (first === undefined) return undefined;
    const second = random.integer(0, 2) === 0 ? this.#allocate(height, width, channels) : undefined;
    const tensorsOf = {
      layer: this.#layer,
      inBase: source.base,
      inPitch: source.pitch,
      inHeight: source.height,
      inWidth: source.width,
      inChannels: source.channels,
      outChannels: channels,
      out0Base: first.base,
      out0Pitch: first.pitch,
      out1Base: second?.base ?? 0,
      out1Pitch: second?.pitch ?? 0,
      outHeight: height,
      outWidth: width,
    };
    const command: Mutable<ComputeCommand> = this.#arithmetic(kind, tensorsOf, window, source, tensors);
    command.output1Enable = second ? 1 : 0;
    this.#commands.push(command);
    this.#layer += 1;
    return second ? [first, second] : [first];
  }

  #arithmetic(
    kind: "CONV" | "DEPTHWISE" | "POOL" | "ADD",
    shape: ShapeFields,
    window: WindowFields,
    source: Tensor,
    tensors: readonly Tensor[],
  ): ComputeCommand {
    const random = this.#random;
    const channels = shape.outChannels;
    if (kind === "CONV" || kind === "DEPTHWISE") {
      const requantize = this.#requantize(channels, 3000);
      const zeroPoint = random.integer(0, 2) === 0 ? random.integer(-128, 127) : 0;
      const weights = { codec: 0, weightZeroPoint: zeroPoint, weightsOffset: 0, weightsBytes: 0 };
      const command: Mutable<ConvCommand | DepthwiseCommand> = {
        opcode: kind,
        ...shape,
        ...window,
        ...weights,
        ...requantize,
      };
      this.#pending.push({ command, layer: this.#weights(kind, channels, source.channels, window) });
      return command;
    }
    if (kind === "POOL") {
      const pool: PoolCommand = {
        opcode: kind,
        pool: random.integer(0, 1),
        ...shape,
        ...window,
        ...this.#requantize(1, 500),
      };
      return pool;
    }
    const same = tensors.filter(
      ({ height, width, channels: other }) =>
        height === source.height && width === source.width && other === source.channels,
    );
    const second = random.pick(same);
    const largest = random.pick([200, 2 ** 20, 2 ** 29]);
    const addends = Array.from({ length: 512 }, () => random.integer(-largest, largest));
    return {
      opcode: kind,
      ...shape,
      in1Base: second.base,
      in1Pitch: second.pitch,
      addendsOffset: this.#builder.int32(addends),
      ...this.#requantize(1, largest),
    };
  }

  #weights(kind: string, outputs: number, sourceChannels: number, window: WindowFields): LayerWeights {
    const random = this.#random;
    const inputs = kind === "CONV" ? sourceChannels : 1;
    const { kernelHeight, kernelWidth } = window;
    const outputTile = engineTile(this.#options.geometry);
    const spread = random.pick([3, 30, 127]);
    const count = outputs * inputs * kernelHeight * kernelWidth;
    const weights = Int8Array.from({ length: count }, () => random.integer(-spread, spread));
    const layout = { outputs, inputs, kernelHeight, kernelWidth, outputTile };
    return { name: `layer ${this.#layer}`, layout, weights };
  }

  /** Gives every layer one of the codecs and encodes each codec's layers together, because they share tables. */
  #encodeWeights(): void {
    for (const { command } of this.#pending) command.codec = this.#random.pick(this.#options.codecs);
    for (const codec of this.#options.codecs) {
      const layers = this.#pending.filter(({ command }) => command.codec === codec);
      if (layers.length === 0) continue;
      const streams = this.#builder.weights(
        codec,
        layers.map(({ layer }) => layer),
      );
      layers.forEach(({ command }, index) => {
        command.weightsOffset = streams[index].offset;
        command.weightsBytes = streams[index].byteLength;
      });
    }
  }

  #store(tensor: Tensor, region: number, offset: number): StoreCommand {
    return {
      opcode: "STORE",
      layer: Math.max(0, this.#layer - 1),
      region,
      inBase: tensor.base,
      inPitch: tensor.pitch,
      inHeight: tensor.height,
      inWidth: tensor.width,
      inChannels: tensor.channels,
      offset,
    };
  }

  /** Sometimes sends the last tensor through the scratch region, back to where it was. */
  #spill(tensors: readonly Tensor[]): number {
    if (this.#random.integer(0, 2) > 0) return 0;
    const { geometry } = this.#options;
    const tensor = tensors[tensors.length - 1];
    const { height, width, channels, base, pitch } = tensor;
    this.#commands.push(this.#store(tensor, regionCodes.scratch, 64), {
      opcode: "LOAD",
      layer: Math.max(0, this.#layer - 1),
      region: regionCodes.scratch,
      tapsEnable: 0,
      outHeight: height,
      outWidth: width,
      inHeight: height,
      inWidth: width,
      inChannels: channels,
      outChannels: channels,
      out0Base: base,
      out0Pitch: pitch,
      ...this.#window(1, 1),
      padValue: 0,
      offset: 64,
    });
    return 64 + memoryTensorBytes(height, width, channels, geometry);
  }
}

export function randomProgram(random: SeededRandom, options: RandomProgramOptions): RandomProgram {
  return new ProgramGenerator(random, options).generate();
}
