/**
 * A slow, obvious interpreter of layer programs: what every execution of a program is compared with. Written from
 * sdk/src/overlay/program.ts, one element at a time, with BigInt arithmetic and no check of anything.
 */
import { codecById, deflateCodec, rawCodec } from "@sluice/sdk/codec";
import {
  type AddCommand,
  activationAddress,
  type Command,
  type ComputeCommand,
  type ConvCommand,
  channelWords,
  type DepthwiseCommand,
  engineOrderCrc,
  engineTile,
  fromDemandOrder,
  type LoadCommand,
  type OverlayGeometry,
  type PoolCommand,
  poolCodes,
  roundingCodes,
  type StoreCommand,
} from "@sluice/sdk/overlay";

export interface InterpretedOutput {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Row-major int8 codes. */
  readonly codes: Int8Array;
  readonly crc: number;
}

export interface InterpretedLayer {
  readonly layer: number;
  readonly outputs: readonly InterpretedOutput[];
}

export interface ProgramRun {
  readonly geometry: OverlayGeometry;
  readonly commands: readonly Command[];
  readonly image: Uint8Array;
  readonly tables: Uint8Array;
  readonly input: Uint8Array;
  readonly outputBytes: number;
  readonly scratchBytes?: number;
}

export function roundQuotient(numerator: bigint, shift: bigint, rounding: number): bigint {
  const divisor = 1n << shift;
  const floor = numerator >> shift;
  const twice = 2n * (numerator - floor * divisor);
  if (twice < divisor) return floor;
  if (twice > divisor) return floor + 1n;
  if (rounding === roundingCodes["half-up"]) return floor + 1n;
  if (rounding === roundingCodes["half-even"]) return floor % 2n === 0n ? floor : floor + 1n;
  return numerator < 0n ? floor : floor + 1n;
}

const clamp = (value: bigint, min: bigint, max: bigint): bigint =>
  value < min ? min : value > max ? max : value;

class ProgramInterpreter {
  readonly memory: Int8Array;
  readonly regions: readonly Uint8Array[];
  readonly layers: InterpretedLayer[] = [];
  readonly output: Uint8Array;
  readonly #run: ProgramRun;
  readonly #image: DataView;

  constructor(run: ProgramRun) {
    const { pixels, inputs, activationRows } = run.geometry;
    this.#run = run;
    this.memory = new Int8Array(activationRows * pixels * inputs);
    this.output = new Uint8Array(run.outputBytes);
    this.regions = [run.input, this.output, new Uint8Array(run.scratchBytes ?? 0)];
    this.#image = new DataView(run.image.buffer, run.image.byteOffset, run.image.length);
  }

  execute(): void {
    for (const command of this.#run.commands) {
      if (command.opcode === "END") return;
      if (command.opcode === "LOAD") this.#load(command);
      else if (command.opcode === "STORE") this.#store(command);
      else this.#compute(command);
    }
  }

  #address(base: number, pitch: number, width: number, y: number, x: number, channel: number): number {
    return activationAddress({ base, pitch, width }, y, x, channel, this.#run.geometry);
  }

  #load(command: LoadCommand): void {
    const { outHeight, outWidth, outChannels, out0Base, out0Pitch } = command;
    const source = this.regions[command.region].subarray(command.offset);
    const padded = channelWords(outChannels, this.#run.geometry) * this.#run.geometry.inputs;
    for (let y = 0; y < outHeight; y += 1) {
      for (let x = 0; x < outWidth; x += 1) {
        for (let channel = 0; channel < padded; channel += 1) {
          const value = command.tapsEnable
            ? this.#tap(command, source, y, x, channel)
            : source[(y * outWidth + x) * padded + channel];
          this.memory[this.#address(out0Base, out0Pitch, outWidth, y, x, channel)] = value;
        }
      }
    }
  }

  #tap(command: LoadCommand, source: Uint8Array, y: number, x: number, channel: number): number {
    if (channel >= command.outChannels) return 0;
    const tap = Math.floor(channel / command.inChannels);
    const row = y * command.strideHeight - command.padTop + Math.floor(tap / command.kernelWidth);
    const column = x * command.strideWidth - command.padLeft + (tap % command.kernelWidth);
    const inside = row >= 0 && row < command.inHeight && column >= 0 && column < command.inWidth;
    if (!inside) return command.padValue;
    return source[(row * command.inWidth + column) * command.inChannels + (channel % command.inChannels)];
  }

  #store(command: StoreCommand): void {
    const { inHeight, inWidth, inChannels, inBase, inPitch } = command;
    const padded = channelWords(inChannels, this.#run.geometry) * this.#run.geometry.inputs;
    for (let y = 0; y < inHeight; y += 1) {
      for (let x = 0; x < inWidth; x += 1) {
        for (let channel = 0; channel < padded; channel += 1) {
          this.regions[command.region][command.offset + (y * inWidth + x) * padded + channel] =
            this.memory[this.#address(inBase, inPitch, inWidth, y, x, channel)];
        }
      }
    }
  }

  #compute(command: ComputeCommand): void {
    const { outHeight: height, outWidth: width, outChannels: channels } = command;
    const count = command.output1Enable ? 2 : 1;
    const codes = Array.from({ length: count }, () => new Int8Array(height * width * channels));
    const accumulate = this.#accumulator(command);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        for (let channel = 0; channel < channels; channel += 1) {
          const accumulator = BigInt.asIntN(32, BigInt(accumulate(y, x, channel)));
          for (let output = 0; output < count; output += 1) {
            const code = this.#requantize(command, output, channel, accumulator);
            codes[output][(y * width + x) * channels + channel] = code;
          }
        }
      }
    }
    const { geometry } = this.#run;
    const outputs = codes.map((values, output) => {
      const base = output === 0 ? command.out0Base : command.out1Base;
      const pitch = output === 0 ? command.out0Pitch : command.out1Pitch;
      this.#write(values, base, pitch, height, width, channels);
      const crc = engineOrderCrc(values, { height, width, channels, tile: engineTile(geometry) }, geometry);
      return { height, width, channels, codes: values, crc };
    });
    this.layers.push({ layer: command.layer, outputs });
  }

  #write(
    codes: Int8Array,
    base: number,
    pitch: number,
    height: number,
    width: number,
    channels: number,
  ): void {
    const padded = channelWords(channels, this.#run.geometry) * this.#run.geometry.inputs;
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        for (let channel = 0; channel < padded; channel += 1) {
          const value = channel < channels ? codes[(y * width + x) * channels + channel] : 0;
          this.memory[this.#address(base, pitch, width, y, x, channel)] = value;
        }
      }
    }
  }

  #accumulator(command: ComputeCommand): (y: number, x: number, channel: number) => number {
    switch (command.opcode) {
      case "CONV":
        return this.#convolution(command);
      case "DEPTHWISE":
        return this.#depthwise(command);
      case "POOL":
        return this.#pool(command);
      case "ADD":
        return this.#add(command);
    }
  }

  /** Codes under the window of (y, x), tap by tap; undefined outside the input. */
  #window(command: ConvCommand | DepthwiseCommand | PoolCommand, y: number, x: number, channel: number) {
    const codes: (number | undefined)[] = [];
    for (let ky = 0; ky < command.kernelHeight; ky += 1) {
      for (let kx = 0; kx < command.kernelWidth; kx += 1) {
        const row = y * command.strideHeight - command.padTop + ky * command.dilationHeight;
        const column = x * command.strideWidth - command.padLeft + kx * command.dilationWidth;
        const inside = row >= 0 && row < command.inHeight && column >= 0 && column < command.inWidth;
        const { inBase, inPitch, inWidth } = command;
        codes.push(
          inside ? this.memory[this.#address(inBase, inPitch, inWidth, row, column, channel)] : undefined,
        );
      }
    }
    return codes;
  }

  #weights(command: ConvCommand | DepthwiseCommand, inputs: number): Int8Array {
    const layout = {
      outputs: command.outChannels,
      inputs,
      kernelHeight: command.kernelHeight,
      kernelWidth: command.kernelWidth,
      outputTile: engineTile(this.#run.geometry),
    };
    const codec = codecById(command.codec);
    const tables = codec === rawCodec || codec === deflateCodec ? new Uint8Array(0) : this.#run.tables;
    const end = command.weightsOffset + command.weightsBytes;
    const stream = this.#run.image.slice(command.weightsOffset, end);
    return fromDemandOrder(codec.openDecoder(tables).decode(stream, layout), layout);
  }

  #bias(command: ComputeCommand, channel: number): number {
    return this.#image.getInt32(command.parametersOffset + this.#record(command, channel), true);
  }

  #record(command: ComputeCommand, channel: number): number {
    return command.opcode === "CONV" || command.opcode === "DEPTHWISE" ? channel * 16 : 0;
  }

  #convolution(command: ConvCommand): (y: number, x: number, channel: number) => number {
    const weights = this.#weights(command, command.inChannels);
    const taps = command.kernelHeight * command.kernelWidth;
    // Every output channel of a pixel sees the same windows.
    let pixel = -1;
    let windows: (number | undefined)[][] = [];
    return (y, x, output) => {
      if (pixel !== y * command.outWidth + x) {
        pixel = y * command.outWidth + x;
        windows = Array.from({ length: command.inChannels }, (_, input) =>
          this.#window(command, y, x, input),
        );
      }
      let sum = this.#bias(command, output);
      for (let input = 0; input < command.inChannels; input += 1) {
        windows[input].forEach((code, tap) => {
          const weight = weights[(output * taps + tap) * command.inChannels + input];
          sum += (code ?? command.padValue) * (weight - command.weightZeroPoint);
        });
      }
      return sum;
    };
  }

  #depthwise(command: DepthwiseCommand): (y: number, x: number, channel: number) => number {
    const weights = this.#weights(command, 1);
    const taps = command.kernelHeight * command.kernelWidth;
    return (y, x, channel) =>
      this.#window(command, y, x, channel).reduce<number>(
        (sum, code, tap) =>
          sum + (code ?? command.padValue) * (weights[channel * taps + tap] - command.weightZeroPoint),
        this.#bias(command, channel),
      );
  }

  #pool(command: PoolCommand): (y: number, x: number, channel: number) => number {
    if (command.pool === poolCodes.max) {
      return (y, x, channel) =>
        Math.max(...this.#window(command, y, x, channel).map((code) => code ?? command.padValue));
    }
    return (y, x, channel) =>
      this.#window(command, y, x, channel).reduce<number>(
        (sum, code) => sum + (code ?? 0),
        this.#bias(command, 0),
      );
  }

  #add(command: AddCommand): (y: number, x: number, channel: number) => number {
    const { inBase, inPitch, in1Base, in1Pitch, inWidth, addendsOffset } = command;
    return (y, x, channel) => {
      const code0 = this.memory[this.#address(inBase, inPitch, inWidth, y, x, channel)];
      const code1 = this.memory[this.#address(in1Base, in1Pitch, inWidth, y, x, channel)];
      const addend0 = this.#image.getInt32(addendsOffset + (code0 + 128) * 4, true);
      const addend1 = this.#image.getInt32(addendsOffset + 1024 + (code1 + 128) * 4, true);
      return this.#bias(command, 0) + addend0 + addend1;
    };
  }

  #requantize(command: ComputeCommand, output: number, channel: number, accumulator: bigint): number {
    const record = command.parametersOffset + this.#record(command, channel);
    const multiplier = BigInt(this.#image.getInt32(record + 4, true));
    const shiftA = BigInt(this.#image.getUint8(record + 8));
    const shiftB = BigInt(this.#image.getUint8(record + 9));
    let y = roundQuotient(accumulator * multiplier, shiftA, command.roundingA);
    if (command.clampEnable) y = clamp(y, BigInt(command.clampMin), BigInt(command.clampMax));
    else y = clamp(y, -(2n ** 31n), 2n ** 31n - 1n);
    const tableEnable = output === 0 ? command.tableEnable0 : command.tableEnable1;
    if (tableEnable) {
      return this.#image.getInt8(command.tablesOffset + output * 512 + Number(y) - command.clampMin);
    }
    const code = BigInt(command.outputZeroPoint) + roundQuotient(y, shiftB, command.roundingB);
    return Number(clamp(code, BigInt(command.outputMin), BigInt(command.outputMax)));
  }
}

/** Runs the program once on one input frame. */
export function interpretProgram(run: ProgramRun): {
  readonly output: Uint8Array;
  readonly layers: readonly InterpretedLayer[];
} {
  const interpreter = new ProgramInterpreter(run);
  interpreter.execute();
  return { output: interpreter.output, layers: interpreter.layers };
}
