/**
 * Writes bitstreams/rtl/sluice_pkg.sv from the overlay contract in sdk/src/overlay: register offsets, error codes,
 * opcodes, the fields of a command, and the CRC-32C matrices. `--check` writes nothing and fails when the file is stale.
 *
 *   node bitstreams/scripts/generate-package.mjs [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  CHANNEL_PARAMETER_BYTES,
  COMMAND_BYTES,
  commandFields,
  control,
  decoderMemories,
  OVERLAY_ID,
  OVERLAY_VERSION,
  opcodes,
  overlayErrors,
  poolCodes,
  regionCodes,
  registers,
  roundingCodes,
  status,
  TAP_SOURCE_BYTES,
  TAP_WIDE_STRIDE,
} from "@sluice/sdk/overlay";

const path = fileURLToPath(new URL("../rtl/sluice_pkg.sv", import.meta.url));

/** Words of 8 bytes one CRC step can take: the requantiser delivers at most 32 bytes a cycle. */
const CRC_WORDS = 4;
/** Bytes of a row of weights at most. */
const CRC_BYTES = 16;

export function packageText() {
  const lines = [
    "// Generated from sdk/src/overlay by bitstreams/scripts/generate-package.mjs. Do not edit.",
    "/// The overlay contract in SystemVerilog: registers, error codes, commands, CRC-32C.",
    "package sluice_pkg;",
    "  // Upper case names are the contract's own; a build uses only some of them.",
    "  /* verilator lint_off UNUSEDPARAM */",
    "",
    `  localparam logic [31:0] OVERLAY_ID = 32'h${hex(OVERLAY_ID, 8)};`,
    `  localparam logic [31:0] OVERLAY_VERSION = 32'h${hex(OVERLAY_VERSION, 8)};`,
    `  localparam int COMMAND_BYTES = ${COMMAND_BYTES};`,
    `  localparam int TAP_SOURCE_BYTES = ${TAP_SOURCE_BYTES};`,
    `  localparam int TAP_WIDE_STRIDE = ${TAP_WIDE_STRIDE};`,
    `  localparam int DECODER_TAPS = ${decoderMemories.taps};`,
    `  localparam int DECODER_CHANNELS = ${decoderMemories.channels};`,
    `  localparam int DECODER_PREDICTED_ROWS = ${decoderMemories.predictedRows};`,
    `  localparam int DECODER_STATES = ${decoderMemories.tableStates};`,
    `  localparam int CHANNEL_PARAMETER_BYTES = ${CHANNEL_PARAMETER_BYTES};`,
    "",
    ...Object.entries(registers).map(
      ([name, { offset, doc }]) => `  localparam logic [11:0] REG_${name} = 12'h${hex(offset, 3)}; // ${doc}`,
    ),
    "",
    ...constants("CONTROL", control, 32),
    ...constants("STATUS", status, 32),
    ...constants("ERROR", overlayErrors, 8),
    ...constants("OP", opcodes, 8),
    ...constants("ROUND", roundingCodes, 2),
    ...constants("POOL", poolCodes, 1),
    ...constants("REGION", regionCodes, 2),
    "  /* verilator lint_on UNUSEDPARAM */",
    "",
    ...commandType(),
    "",
    ...crcFunctions(),
    "endpackage",
    "",
  ];
  return lines.join("\n");
}

function constants(prefix, table, bits) {
  return [
    ...Object.entries(table).map(
      ([name, value]) =>
        `  localparam logic [${bits - 1}:0] ${prefix}_${name.toUpperCase().replaceAll("-", "_")} = ${bits}'d${value};`,
    ),
    "",
  ];
}

function commandType() {
  const fields = new Map();
  for (const table of Object.values(commandFields)) {
    for (const [name, spec] of Object.entries(table)) {
      const known = fields.get(name);
      if (known && (known.word !== spec.word || known.low !== spec.low || known.bits !== spec.bits)) {
        throw new Error(`Field ${name} lies in two places; the hardware reads every field from one.`);
      }
      fields.set(name, spec);
    }
  }
  const sorted = [...fields].sort(([, a], [, b]) => a.word - b.word || a.low - b.low);
  return [
    "  /// Every field any command has; which ones mean something depends on the opcode.",
    "  typedef struct packed {",
    "    logic [7:0] opcode;",
    ...sorted.map(
      ([name, { bits, signed }]) => `    logic ${signed ? "signed " : ""}[${bits - 1}:0] ${snake(name)};`,
    ),
    "  } command_t;",
    "",
    "  function automatic command_t unpack_command(input logic [511:0] words);",
    "    unpack_command.opcode = words[7:0];",
    ...sorted.map(
      ([name, { word, low, bits }]) =>
        `    unpack_command.${snake(name)} = words[${word * 32 + low + bits - 1}:${word * 32 + low}];`,
    ),
    "  endfunction",
    "",
    "  /// Bits a command of this opcode may set; all ones for an unknown one, which is refused anyway.",
    "  function automatic logic [511:0] used_bits(input logic [7:0] opcode);",
    "    case (opcode)",
    ...Object.entries(commandFields).map(
      ([name, table]) => `      OP_${name}: used_bits = 512'h${usedBits(table).toString(16)};`,
    ),
    "      default: used_bits = '1;",
    "    endcase",
    "  endfunction",
  ];
}

function usedBits(table) {
  let mask = 0xffn;
  for (const { word, low, bits } of Object.values(table)) {
    mask |= ((1n << BigInt(bits)) - 1n) << BigInt(word * 32 + low);
  }
  return mask;
}

function crcFunctions() {
  const dataBits = CRC_WORDS * 64;
  const step = (state, bit) => ((state ^ bit) & 1 ? ((state >>> 1) ^ 0x82f63b78) >>> 0 : state >>> 1);
  // Column of an input bit: the remainder it leaves when everything else is zero.
  const data = Array.from({ length: dataBits }, (_, position) => {
    let state = 0;
    for (let bit = 0; bit < dataBits; bit += 1) state = step(state, bit === position ? 1 : 0);
    return state;
  });
  const advance = (words) =>
    Array.from({ length: 32 }, (_, position) => {
      let state = (1 << position) >>> 0;
      for (let bit = 0; bit < words * 64; bit += 1) state = step(state, 0);
      return state;
    });
  return [
    `  /// Remainder of ${CRC_WORDS * 8} bytes, first byte in bits 7:0, from state 0. Leading zero bytes change nothing.`,
    `  function automatic logic [31:0] crc32c_data(input logic [${dataBits - 1}:0] bytes);`,
    ...matrix("crc32c_data", "bytes", data, dataBits),
    "  endfunction",
    "",
    ...crcCoordinates(data.slice(-64), advance(1)),
    "",
    "  /// The state after `count` zero bytes, 1 <= count <= 16.",
    "  function automatic logic [31:0] crc32c_skip(input logic [31:0] state, input logic [4:0] count);",
    "    case (count)",
    ...Array.from({ length: CRC_BYTES }, (_, index) => [
      index === CRC_BYTES - 1 ? "      default: begin" : `      5'd${index + 1}: begin`,
      ...matrix("crc32c_skip", "state", advance((index + 1) / 8), 32).map((line) => `    ${line}`),
      "      end",
    ]).flat(),
    "    endcase",
    "  endfunction",
  ];
}

/**
 * Remainders in coordinates in which 8 zero bytes are one step of a shift register. With W the effect of 8 zero bytes, the
 * remainders v, W v, ... W^31 v are a basis, in which W only shifts; what leaves at the top returns as the polynomial's
 * coefficients, the CRC's own polynomial, because squaring (x^64 is six squarings of x) maps its roots onto each other.
 */
function crcCoordinates(wordColumns, zeroWord) {
  const apply = (columns, state) =>
    columns.reduce((sum, column, bit) => ((state >>> bit) & 1 ? sum ^ column : sum), 0) >>> 0;
  const basis = [1];
  while (basis.length < 33) basis.push(apply(zeroWord, basis[basis.length - 1]));
  const top = basis.pop();
  const coordinates = solver(basis);
  const start = coordinates(0xffff_ffff);
  return [
    "  // Remainders in coordinates in which a word of 8 bytes is one step of a shift register.",
    `  localparam logic [31:0] CRC32C_START = 32'h${hex(start, 8)};`,
    "",
    "  /// Coordinates of the remainder of a word, first byte in bits 7:0, from state 0.",
    "  function automatic logic [31:0] crc32c_word(input logic [63:0] bytes);",
    ...matrix("crc32c_word", "bytes", wordColumns.map(coordinates), 64),
    "  endfunction",
    "",
    "  /// Coordinates after another word of zero bytes.",
    "  function automatic logic [31:0] crc32c_step(input logic [31:0] coordinates);",
    `    crc32c_step = {coordinates[30:0], 1'b0} ^ (coordinates[31] ? 32'h${hex(coordinates(top), 8)} : 32'd0);`,
    "  endfunction",
    "",
    "  /// The state of these coordinates.",
    "  function automatic logic [31:0] crc32c_state(input logic [31:0] coordinates);",
    ...matrix("crc32c_state", "coordinates", basis, 32),
    "  endfunction",
  ];
}

/** The function that writes a 32-bit vector as a sum of basis vectors: bit k of the result says whether vector k is in it. */
function solver(basis) {
  const reduced = [];
  basis.forEach((vector, index) => {
    let [value, members] = [vector, (1 << index) >>> 0];
    for (const row of reduced)
      if ((value >>> row.pivot) & 1) [value, members] = [(value ^ row.value) >>> 0, members ^ row.members];
    if (value === 0) throw new Error("CRC-32C: the vectors are no basis.");
    reduced.push({ value, members, pivot: 31 - Math.clz32(value) });
  });
  return (vector) => {
    let [value, members] = [vector, 0];
    for (const row of reduced)
      if ((value >>> row.pivot) & 1) [value, members] = [(value ^ row.value) >>> 0, members ^ row.members];
    if (value !== 0) throw new Error("CRC-32C: the vectors are no basis.");
    return members >>> 0;
  };
}

function matrix(target, source, columns, bits) {
  return Array.from({ length: 32 }, (_, row) => {
    let mask = 0n;
    columns.forEach((column, position) => {
      if ((column >>> row) & 1) mask |= 1n << BigInt(position);
    });
    return `    ${target}[${row}] = ^(${source} & ${bits}'h${mask.toString(16)});`;
  });
}

function hex(value, digits) {
  return value.toString(16).padStart(digits, "0");
}

function snake(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = packageText();
  if (process.argv.includes("--check")) {
    if (readFileSync(path, "utf8") !== text) {
      console.error(
        "bitstreams/rtl/sluice_pkg.sv is stale: run node bitstreams/scripts/generate-package.mjs",
      );
      process.exitCode = 1;
    }
  } else {
    writeFileSync(path, text);
  }
}
