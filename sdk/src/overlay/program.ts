/**
 * The layer program: 64-byte commands that the overlay fetches from the DDR image and executes in order.
 *
 * One table per command says where each field lies; packing, unpacking, the generated SystemVerilog package and
 * docs/formats/layer-program.md come from it. A command is 16 little-endian 32-bit words. Word 0 always holds
 * opcode [7:0] and layer [31:16]; unused bits are zero and must be zero.
 *
 * Arithmetic of CONV, DEPTHWISE, POOL and ADD, all on int8 codes (overlay/codes.ts):
 *   acc  CONV       bias[o] + sum x * w - weightZeroPoint * sum x      (windows read padValue outside the input)
 *        DEPTHWISE  the same with x of channel o only
 *        POOL       max of x (padValue outside the input), or bias + sum x (nothing is added outside)
 *        ADD        bias + addend0[x0 + 128] + addend1[x1 + 128]       (int32 tables)
 *   y    = clampA(roundA(acc * M[o] / 2^shiftA[o]))                    (clampA only when clampEnable)
 *   code = tableEnableK ? tableK[y - clampMin]
 *                       : clamp(outputZeroPoint + roundB(y / 2^shiftB[o]), outputMin, outputMax)
 * acc is int32 (the compiler proves that it never overflows; it would wrap). Without clampEnable y saturates to int32.
 * Table k is the 512 bytes at tablesOffset + 512 k, also when the other output has none.
 * Only its first clampMax - clampMin + 1 bytes are read. Channels beyond inChannels read as 0, also outside the input.
 * parametersOffset, tablesOffset and addendsOffset are multiples of 16.
 * Evaluated for each of the one or two outputs k. Second outputs serve consumers that quantise the same values differently.
 */
import { OverlayError } from "../errors.js";

export interface FieldSpec {
  /** 32-bit word, 0..15. */
  readonly word: number;
  /** Lowest bit in the word. */
  readonly low: number;
  readonly bits: number;
  readonly signed?: boolean;
  readonly doc: string;
}

export const COMMAND_BYTES = 64;

/** Source rows of one window that LOAD with taps can hold: kernelHeight * inWidth * inChannels bytes at most. */
export const TAP_SOURCE_BYTES = 16_000;
/** Bytes from pixel to pixel (strideWidth * inChannels) up to which LOAD with taps makes P windows together, not one by one. */
export const TAP_WIDE_STRIDE = 7;

export const opcodes = {
  END: 0x00,
  LOAD: 0x01,
  STORE: 0x02,
  CONV: 0x10,
  DEPTHWISE: 0x11,
  POOL: 0x12,
  ADD: 0x13,
} as const;
export type OpcodeName = keyof typeof opcodes;

export const roundingCodes = { "half-up": 0, "half-even": 1, "half-away": 2 } as const;
export const poolCodes = { max: 0, average: 1 } as const;
/** Where LOAD reads and STORE writes: relative to INPUT_BASE, OUTPUT_BASE or SCRATCH_BASE. */
export const regionCodes = { input: 0, output: 1, scratch: 2 } as const;

const layer: FieldSpec = {
  word: 0,
  low: 16,
  bits: 16,
  doc: "Index of the layer in the package's layer list",
};

const tensorIn = {
  inBase: { word: 1, low: 0, bits: 16, doc: "First activation row of the input" },
  inPitch: { word: 1, low: 16, bits: 16, doc: "Rows from one group of P pixels to the next" },
  inHeight: { word: 2, low: 0, bits: 16, doc: "Input rows" },
  inWidth: { word: 2, low: 16, bits: 16, doc: "Input columns" },
  inChannels: { word: 3, low: 0, bits: 16, doc: "Input channels" },
} as const satisfies Record<string, FieldSpec>;

const tensorOut = {
  outChannels: { word: 3, low: 16, bits: 16, doc: "Output channels" },
  out0Base: { word: 4, low: 0, bits: 16, doc: "First activation row of the first output" },
  out0Pitch: { word: 4, low: 16, bits: 16, doc: "Rows from one group of P pixels to the next" },
  out1Base: { word: 5, low: 0, bits: 16, doc: "First activation row of the second output" },
  out1Pitch: { word: 5, low: 16, bits: 16, doc: "Rows from one group of P pixels to the next" },
  outHeight: { word: 6, low: 0, bits: 16, doc: "Output rows" },
  outWidth: { word: 6, low: 16, bits: 16, doc: "Output columns" },
} as const satisfies Record<string, FieldSpec>;

const window = {
  kernelHeight: { word: 7, low: 0, bits: 8, doc: "Window rows, at least 1" },
  kernelWidth: { word: 7, low: 8, bits: 8, doc: "Window columns, at least 1" },
  strideHeight: { word: 7, low: 16, bits: 4, doc: "1..15" },
  strideWidth: { word: 7, low: 20, bits: 4, doc: "1..15" },
  dilationHeight: { word: 7, low: 24, bits: 4, doc: "1..15" },
  dilationWidth: { word: 7, low: 28, bits: 4, doc: "1..15" },
  padTop: { word: 8, low: 0, bits: 8, doc: "Rows above the input; bottom follows from outHeight" },
  padLeft: { word: 8, low: 8, bits: 8, doc: "Columns left of the input; right follows from outWidth" },
  padValue: { word: 8, low: 16, bits: 8, signed: true, doc: "Code read outside the input" },
} as const satisfies Record<string, FieldSpec>;

const weights = {
  weightZeroPoint: { word: 8, low: 24, bits: 8, signed: true, doc: "Subtracted from every weight" },
  weightsOffset: {
    word: 9,
    low: 0,
    bits: 32,
    doc: "Byte offset of the weight stream in the image; 16-byte aligned",
  },
  weightsBytes: { word: 10, low: 0, bits: 32, doc: "Bytes of the weight stream" },
  codec: { word: 13, low: 12, bits: 4, doc: "Weight codec id" },
} as const satisfies Record<string, FieldSpec>;

const requantize = {
  parametersOffset: {
    word: 11,
    low: 0,
    bits: 32,
    doc: "Byte offset of the channel parameters (channel-parameters.ts)",
  },
  tablesOffset: {
    word: 12,
    low: 0,
    bits: 32,
    doc: "Byte offset of the output tables: 512 bytes each, first output first",
  },
  roundingA: { word: 13, low: 0, bits: 2, doc: "roundingCodes" },
  roundingB: { word: 13, low: 2, bits: 2, doc: "roundingCodes" },
  clampEnable: { word: 13, low: 4, bits: 1, doc: "Saturate y to clampMin..clampMax" },
  tableEnable0: {
    word: 13,
    low: 5,
    bits: 1,
    doc: "First output through its table; needs clampEnable, at most 512 values",
  },
  tableEnable1: { word: 13, low: 6, bits: 1, doc: "Second output through its table" },
  output1Enable: { word: 13, low: 7, bits: 1, doc: "Write the second output" },
  outputZeroPoint: { word: 13, low: 16, bits: 8, signed: true, doc: "Added after stage B" },
  clampMin: { word: 14, low: 0, bits: 16, signed: true, doc: "Smallest y; also the first table entry" },
  clampMax: { word: 14, low: 16, bits: 16, signed: true, doc: "Largest y" },
  outputMin: { word: 15, low: 0, bits: 8, signed: true, doc: "Smallest code" },
  outputMax: { word: 15, low: 8, bits: 8, signed: true, doc: "Largest code" },
} as const satisfies Record<string, FieldSpec>;

export const commandFields = {
  END: {},
  LOAD: {
    layer,
    region: { word: 0, low: 8, bits: 2, doc: "regionCodes" },
    tapsEnable: {
      word: 0,
      low: 10,
      bits: 1,
      doc: "Source is packed HWC bytes; write every window as channels [tap][channel], so that a first layer with few channels becomes a 1x1 convolution. Needs dilation 1 and kernelHeight * inWidth * inChannels <= TAP_SOURCE_BYTES. Otherwise source words are I bytes of one pixel, channels padded, outHeight x outWidth x outChannels of them, and the in* and window fields are ignored",
    },
    outHeight: tensorOut.outHeight,
    outWidth: tensorOut.outWidth,
    inHeight: tensorIn.inHeight,
    inWidth: tensorIn.inWidth,
    inChannels: tensorIn.inChannels,
    outChannels: tensorOut.outChannels,
    out0Base: tensorOut.out0Base,
    out0Pitch: tensorOut.out0Pitch,
    ...window,
    offset: { word: 9, low: 0, bits: 32, doc: "Byte offset in the region; 16-byte aligned" },
  },
  STORE: {
    layer,
    region: { word: 0, low: 8, bits: 2, doc: "regionCodes" },
    ...tensorIn,
    offset: {
      word: 9,
      low: 0,
      bits: 32,
      doc: "Byte offset in the region; 16-byte aligned. Words as LOAD without taps",
    },
  },
  CONV: { layer, ...tensorIn, ...tensorOut, ...window, ...weights, ...requantize },
  DEPTHWISE: { layer, ...tensorIn, ...tensorOut, ...window, ...weights, ...requantize },
  POOL: {
    layer,
    pool: { word: 0, low: 8, bits: 1, doc: "poolCodes" },
    ...tensorIn,
    ...tensorOut,
    ...window,
    ...requantize,
  },
  ADD: {
    layer,
    ...tensorIn,
    ...tensorOut,
    in1Base: {
      word: 9,
      low: 0,
      bits: 16,
      doc: "First activation row of the second input (same shape as the first)",
    },
    in1Pitch: { word: 9, low: 16, bits: 16, doc: "Rows from one group of P pixels to the next" },
    addendsOffset: {
      word: 10,
      low: 0,
      bits: 32,
      doc: "Byte offset of two tables of 256 int32: first input, second input",
    },
    ...requantize,
  },
} as const satisfies Record<OpcodeName, Record<string, FieldSpec>>;

type FieldsOf<Name extends OpcodeName> = {
  [Field in keyof (typeof commandFields)[Name]]: number;
};

export type CommandOf<Name extends OpcodeName> = { opcode: Name } & FieldsOf<Name>;
export type EndCommand = CommandOf<"END">;
export type LoadCommand = CommandOf<"LOAD">;
export type StoreCommand = CommandOf<"STORE">;
export type ConvCommand = CommandOf<"CONV">;
export type DepthwiseCommand = CommandOf<"DEPTHWISE">;
export type PoolCommand = CommandOf<"POOL">;
export type AddCommand = CommandOf<"ADD">;
export type ComputeCommand = ConvCommand | DepthwiseCommand | PoolCommand | AddCommand;
export type Command = EndCommand | LoadCommand | StoreCommand | ComputeCommand;

const opcodeNames = new Map<number, OpcodeName>(
  (Object.entries(opcodes) as [OpcodeName, number][]).map(([name, code]) => [code, name]),
);

/** @throws {OverlayError} `field-range` when a value does not fit its field. */
export function packCommands(commands: readonly Command[]): Uint8Array {
  const bytes = new Uint8Array(commands.length * COMMAND_BYTES);
  const view = new DataView(bytes.buffer);
  commands.forEach((command, index) => {
    const base = index * COMMAND_BYTES;
    view.setUint32(base, opcodes[command.opcode], true);
    const values = command as unknown as Record<string, number>;
    for (const [name, spec] of fieldsOf(command.opcode)) {
      const value = values[name];
      const least = spec.signed ? -(2 ** (spec.bits - 1)) : 0;
      const most = spec.signed ? 2 ** (spec.bits - 1) - 1 : 2 ** spec.bits - 1;
      if (!Number.isInteger(value) || value < least || value > most) {
        throw new OverlayError("field-range", `A ${command.opcode} command cannot hold its ${name}.`, {
          place: `command ${index}, field ${name}`,
          expected: `an integer in ${least}..${most}`,
          found: String(value),
          hint: "The layer is larger than the overlay's commands can describe; split it.",
        });
      }
      const at = base + spec.word * 4;
      const field = spec.bits === 32 ? value >>> 0 : ((value & (2 ** spec.bits - 1)) << spec.low) >>> 0;
      view.setUint32(at, (view.getUint32(at, true) | field) >>> 0, true);
    }
  });
  return bytes;
}

/** @throws {OverlayError} `bad-command` for an unknown opcode, set reserved bits or a truncated program. */
export function unpackCommand(bytes: Uint8Array, index: number): Command {
  const base = index * COMMAND_BYTES;
  if (base + COMMAND_BYTES > bytes.length) {
    throw new OverlayError("bad-command", "The layer program ends in the middle of a command.", {
      place: `command ${index}`,
      expected: `${COMMAND_BYTES} bytes`,
      found: `${Math.max(0, bytes.length - base)} bytes`,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + base, COMMAND_BYTES);
  const code = view.getUint32(0, true) & 0xff;
  const opcode = opcodeNames.get(code);
  if (opcode === undefined) {
    throw new OverlayError("bad-command", "The layer program holds an unknown opcode.", {
      place: `command ${index}`,
      found: `0x${code.toString(16)}`,
    });
  }
  const command: Record<string, number | string> = { opcode };
  const used = new Uint32Array(COMMAND_BYTES / 4);
  used[0] = 0xff;
  for (const [name, spec] of fieldsOf(opcode)) {
    const word = view.getUint32(spec.word * 4, true);
    const mask = 2 ** spec.bits - 1;
    const raw = spec.bits === 32 ? word : (word >>> spec.low) & mask;
    command[name] = spec.signed && raw >= 2 ** (spec.bits - 1) ? raw - 2 ** spec.bits : raw;
    used[spec.word] |= spec.bits === 32 ? 0xffff_ffff : mask << spec.low;
  }
  for (let word = 0; word < used.length; word += 1) {
    if ((view.getUint32(word * 4, true) & ~used[word]) !== 0) {
      throw new OverlayError("bad-command", "A command has reserved bits set.", {
        place: `command ${index}, word ${word}`,
        found: `0x${view.getUint32(word * 4, true).toString(16)}`,
      });
    }
  }
  return command as unknown as Command;
}

export function unpackCommands(bytes: Uint8Array): Command[] {
  const count = Math.ceil(bytes.length / COMMAND_BYTES);
  return Array.from({ length: count }, (_, index) => unpackCommand(bytes, index));
}

function fieldsOf(opcode: OpcodeName): [string, FieldSpec][] {
  return Object.entries(commandFields[opcode] as Record<string, FieldSpec>);
}
