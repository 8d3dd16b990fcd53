/**
 * The command check of the RTL against the rules of the layer program: commands of random programs, as they are and with a
 * field set to a value at an edge, a field swapped, or a bit flipped. Every one is answered, with the right code.
 */
import { spawnSync } from "node:child_process";
import {
  COMMAND_BYTES,
  type Command,
  type ComputeCommand,
  commandFields,
  opcodes,
  overlayErrors,
  packCommands,
  smallGeometry,
  TAP_SOURCE_BYTES,
  unpackCommand,
} from "@sluice/sdk/overlay";
import { beforeAll, describe, expect, it } from "vitest";
import { randomProgram } from "../../support/random-program.js";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";
import { buildBench } from "../verilated-bench.js";

const SEED = Number(process.env.SLUICE_SEED ?? 20_261_130);
const PROGRAMS = 30;
/** Mutations of every command. */
const MUTATIONS = 40;
const { pixels, inputs, outputs, activationRows, weightLines, maxLayers } = smallGeometry;
const CODECS = [0, 2];

/** @returns the error code that the contract asks for; a command may break several rules, the first kind counts */
function expectedError(bytes: Uint8Array, final: boolean): number {
  let command: Command;
  try {
    command = unpackCommand(bytes, 0);
  } catch {
    return overlayErrors.BAD_COMMAND;
  }
  if (!sensible(command, final)) return overlayErrors.BAD_COMMAND;
  if (tensorsOf(command).some((tensor) => !insideMemory(tensor))) return overlayErrors.ACTIVATION_RANGE;
  if (command.opcode !== "CONV" && command.opcode !== "DEPTHWISE") return overlayErrors.NONE;
  const words =
    command.opcode === "CONV"
      ? Math.ceil(command.inChannels / inputs)
      : Math.ceil(Math.min(command.outChannels, outputs) / inputs);
  if (command.kernelHeight * command.kernelWidth * words > weightLines) return overlayErrors.WEIGHT_RANGE;
  return CODECS.includes(command.codec) ? overlayErrors.NONE : overlayErrors.UNSUPPORTED_CODEC;
}

function sensible(command: Command, final: boolean): boolean {
  switch (command.opcode) {
    case "END":
      return final;
    case "LOAD": {
      const { inWidth, inChannels, kernelHeight, kernelWidth } = command;
      const placed = command.region < 3 && command.offset % 16 === 0 && sizeOf(command, "out") > 0;
      if (!command.tapsEnable) return placed;
      return (
        placed &&
        sizeOf(command, "in") > 0 &&
        kernelHeight * kernelWidth * command.strideHeight * command.strideWidth > 0 &&
        command.dilationHeight === 1 &&
        command.dilationWidth === 1 &&
        command.outChannels === kernelHeight * kernelWidth * inChannels &&
        kernelHeight * inWidth * inChannels <= TAP_SOURCE_BYTES
      );
    }
    case "STORE":
      return command.region < 3 && command.offset % 16 === 0 && sizeOf(command, "in") > 0;
    default:
      return sensibleCompute(command);
  }
}

function sensibleCompute(command: ComputeCommand): boolean {
  const tables = command.tableEnable0 === 1 || command.tableEnable1 === 1;
  const entries = command.clampMax - command.clampMin + 1;
  const general =
    sizeOf(command, "in") > 0 &&
    sizeOf(command, "out") > 0 &&
    command.layer < maxLayers &&
    command.roundingA < 3 &&
    command.roundingB < 3 &&
    command.parametersOffset % 16 === 0 &&
    (!command.clampEnable || entries >= 1) &&
    (!tables || (command.clampEnable === 1 && entries <= 512 && command.tablesOffset % 16 === 0));
  if (!general) return false;
  if (command.opcode === "ADD") {
    const { inHeight, inWidth, inChannels } = command;
    return (
      inHeight === command.outHeight && inWidth === command.outWidth && inChannels === command.outChannels
    );
  }
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = command;
  if (kernelHeight * kernelWidth * strideHeight * strideWidth * dilationHeight * dilationWidth === 0)
    return false;
  if (command.opcode !== "CONV" && command.inChannels !== command.outChannels) return false;
  return command.opcode === "POOL" || command.weightsOffset % 16 === 0;
}

type Sides = Record<"inHeight" | "inWidth" | "inChannels" | "outHeight" | "outWidth" | "outChannels", number>;

function sizeOf(command: Partial<Sides>, side: "in" | "out"): number {
  const sides = [command[`${side}Height`], command[`${side}Width`], command[`${side}Channels`]];
  return sides.reduce((product: number, size) => product * (size ?? 0), 1);
}

interface Tensor {
  readonly base: number;
  readonly pitch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

function tensorsOf(command: Command): Tensor[] {
  if (command.opcode === "END") return [];
  const tensors: Tensor[] = [];
  if (command.opcode !== "LOAD") {
    const { inBase: base, inPitch: pitch, inHeight: height, inWidth: width, inChannels: channels } = command;
    tensors.push({ base, pitch, height, width, channels });
    if (command.opcode === "ADD") {
      tensors.push({ base: command.in1Base, pitch: command.in1Pitch, height, width, channels });
    }
  }
  if (command.opcode !== "STORE") {
    const { outHeight: height, outWidth: width, outChannels: channels } = command;
    tensors.push({ base: command.out0Base, pitch: command.out0Pitch, height, width, channels });
    if (command.opcode !== "LOAD" && command.output1Enable) {
      tensors.push({ base: command.out1Base, pitch: command.out1Pitch, height, width, channels });
    }
  }
  return tensors;
}

function insideMemory({ base, pitch, height, width, channels }: Tensor): boolean {
  const groups = height * Math.ceil(width / pixels);
  // More groups than rows can be told apart: refused even with pitch 0.
  return groups <= 65_536 && base + (groups - 1) * pitch + Math.ceil(channels / inputs) <= activationRows;
}

function mutate(bytes: Uint8Array, random: SeededRandom): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, COMMAND_BYTES);
  const name = (Object.keys(opcodes) as (keyof typeof opcodes)[]).find(
    (candidate) => opcodes[candidate] === bytes[0],
  );
  if (name === undefined || name === "END" || random.chance(0.2)) {
    bytes[random.chance(0.2) ? 0 : random.integer(0, COMMAND_BYTES - 1)] ^= 1 << random.integer(0, 7);
    return;
  }
  const { word, low, bits } = random.pick(Object.values(commandFields[name]));
  const mask = (2 ** bits - 1) * 2 ** low;
  const old = view.getUint32(word * 4, true);
  const field = Math.floor((old % 2 ** (low + bits)) / 2 ** low);
  const values = [0, 1, 2 ** bits - 1, field + 1, field - 1, 2 * field, random.integer(0, 2 ** bits - 1)];
  const value = (random.pick(values) + 2 ** bits) % 2 ** bits;
  const cleared = Number(BigInt(old) & ~BigInt(mask) & 0xffff_ffffn);
  view.setUint32(word * 4, cleared + value * 2 ** low, true);
}

describe(`command check, seed ${SEED}`, () => {
  let binary: string;

  beforeAll(() => {
    binary = buildBench({
      name: "command-check",
      top: "check_words",
      rtl: ["sluice_pkg.sv", "command_check.sv", "../sim/command-check/check_words.sv"],
    });
  }, 300_000);

  it("answers every command with the code of the first rule it breaks", () => {
    const random = seededRandom(SEED);
    const cases: { readonly bytes: Uint8Array; readonly final: boolean }[] = [];
    for (let program = 0; program < PROGRAMS; program += 1) {
      const { commands } = randomProgram(random, { geometry: smallGeometry, layers: 6, codecs: CODECS });
      commands.forEach((command, index) => {
        const original = packCommands([command]);
        cases.push({ bytes: original, final: index === commands.length - 1 });
        for (let count = 0; count < MUTATIONS; count += 1) {
          const bytes = original.slice();
          for (let change = random.integer(1, 2); change > 0; change -= 1) mutate(bytes, random);
          cases.push({ bytes, final: random.chance(0.1) });
        }
      });
    }
    const input = cases.flatMap(({ bytes, final }) => [Buffer.from([Number(final), 0, 0, 0]), bytes]);
    const run = spawnSync(binary, { input: Buffer.concat(input), maxBuffer: 2 ** 26 });
    expect(run.status).toBe(0);
    const counts = new Map<number, number>();
    cases.forEach(({ bytes, final }, index) => {
      const found = run.stdout.readUInt32LE(4 * index);
      const expected = expectedError(bytes, final);
      if (found !== expected) {
        const words = Buffer.from(bytes).toString("hex");
        expect(found, `seed ${SEED}, case ${index}, final ${final}: ${words}`).toBe(expected);
      }
      counts.set(found, (counts.get(found) ?? 0) + 1);
    });
    const named = Object.entries(overlayErrors).map(([name, code]) => `${name} ${counts.get(code) ?? 0}`);
    console.log(`command check: ${cases.length} commands: ${named.join(", ")}`);
    for (const name of [
      "NONE",
      "BAD_COMMAND",
      "ACTIVATION_RANGE",
      "WEIGHT_RANGE",
      "UNSUPPORTED_CODEC",
    ] as const) {
      expect(counts.get(overlayErrors[name]) ?? 0, name).toBeGreaterThan(5);
    }
  });
});
