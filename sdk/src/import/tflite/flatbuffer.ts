/**
 * A FlatBuffers reader that checks every offset before it follows it.
 *
 * Format: flatbuffers.dev "FlatBuffer Internals". Little-endian; a table starts with an int32 distance back to its
 * vtable (uint16 vtable bytes, uint16 table bytes, then one uint16 field position per field, 0 = absent); strings,
 * vectors and sub-tables are reached through unsigned 32-bit distances forward. Any byte of that may lie in a damaged
 * file, and offsets may alias: the same vector can be named by every table of the file. `budget` therefore bounds the
 * total work, so that a small file cannot make a large allocation or a long loop.
 */
import { ImportError } from "../../errors.js";

/** Elements that may be read per byte of the file, aliases counted each time; ordinary models need less than 1. */
const BUDGET_PER_BYTE = 16;
const BUDGET_BASE = 1 << 16;
const MAX_STRING_BYTES = 8192;

export class FlatBuffer {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  /** Elements still allowed to be read. */
  private budget: number;

  constructor(
    bytes: Uint8Array,
    /** Base name of the file, for messages. */
    readonly file: string,
  ) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.budget = BUDGET_BASE + BUDGET_PER_BYTE * bytes.byteLength;
  }

  /** The root table. `identifier` is the four-character file identifier at byte 4. */
  root(identifier: string): Table {
    if (this.bytes.length < 8) {
      throw this.malformed(0, "a FlatBuffers header of 8 bytes", `${this.bytes.length} bytes`);
    }
    const found = String.fromCharCode(...this.bytes.subarray(4, 8));
    if (found !== identifier) {
      throw new ImportError("not-a-tflite-file", `${this.file} is not a TensorFlow Lite model.`, {
        place: `${this.file}, byte 4`,
        expected: `the file identifier "${identifier}"`,
        found: JSON.stringify(found),
        hint: "Give a .tflite file written by the TensorFlow Lite converter; ONNX models end in .onnx.",
      });
    }
    return new Table(this, this.follow(0));
  }

  /** Takes `elements` off the work budget. */
  charge(elements: number, at: number): void {
    this.budget -= elements;
    if (this.budget >= 0) return;
    throw new ImportError(
      "too-much-data",
      `${this.file} refers to its own bytes far more often than it has them.`,
      {
        place: `${this.file}, byte ${at}`,
        expected: `at most ${BUDGET_PER_BYTE} elements read per byte of the file`,
        found: "more",
        hint: "The file is damaged or was made to exhaust memory; export the model again.",
      },
    );
  }

  uint8(at: number): number {
    this.check(at, 1);
    return this.view.getUint8(at);
  }
  int8(at: number): number {
    this.check(at, 1);
    return this.view.getInt8(at);
  }
  uint16(at: number): number {
    this.check(at, 2);
    return this.view.getUint16(at, true);
  }
  int32(at: number): number {
    this.check(at, 4);
    return this.view.getInt32(at, true);
  }
  uint32(at: number): number {
    this.check(at, 4);
    return this.view.getUint32(at, true);
  }
  float32(at: number): number {
    this.check(at, 4);
    return this.view.getFloat32(at, true);
  }
  /** An int64 as a number. @throws {ImportError} beyond 2^53, which no field of the schema needs. */
  int64(at: number): number {
    this.check(at, 8);
    const value = Number(this.view.getBigInt64(at, true));
    if (!Number.isSafeInteger(value)) throw this.malformed(at, "a 64-bit value within 2^53", String(value));
    return value;
  }

  /** The position a uint32 forward distance at `at` points to. */
  follow(at: number): number {
    const distance = this.uint32(at);
    const target = at + distance;
    if (distance === 0 || target + 4 > this.bytes.length) {
      throw this.malformed(at, "an offset to a place inside the file", `offset ${distance}`);
    }
    return target;
  }

  /** Length of the vector at `at`, checked against the end of the file. */
  vectorLength(at: number, elementBytes: number): number {
    const length = this.uint32(at);
    const room = Math.floor((this.bytes.length - at - 4) / elementBytes);
    if (length > room) {
      throw this.malformed(at, `a vector of at most ${room} elements of ${elementBytes} bytes`, `${length}`);
    }
    return length;
  }

  malformed(at: number, expected: string, found: string): ImportError {
    return new ImportError("malformed-flatbuffer", `${this.file} is damaged at byte ${at}.`, {
      place: `${this.file}, byte ${at}`,
      expected,
      found,
      hint: "The file is truncated or corrupted; copy or export it again.",
    });
  }

  private check(at: number, size: number): void {
    if (at >= 0 && at + size <= this.bytes.length) return;
    throw this.malformed(
      at,
      `${size} bytes inside the file (${this.bytes.length} bytes)`,
      "the end of the file",
    );
  }
}

/** One table. Fields are addressed by their number in the schema; an absent field yields the schema's default. */
export class Table {
  private readonly vtable: number;
  private readonly vtableBytes: number;
  private readonly tableBytes: number;

  constructor(
    readonly buffer: FlatBuffer,
    /** Byte offset in the file. */
    readonly position: number,
  ) {
    buffer.charge(1, position);
    this.vtable = position - buffer.int32(position);
    this.vtableBytes = buffer.uint16(this.vtable);
    this.tableBytes = buffer.uint16(this.vtable + 2);
    const end = buffer.bytes.length;
    if (this.vtableBytes < 4 || this.vtableBytes % 2 !== 0 || this.vtable + this.vtableBytes > end) {
      throw buffer.malformed(
        this.vtable,
        "an even vtable size of 4 or more, inside the file",
        `${this.vtableBytes}`,
      );
    }
    if (this.tableBytes < 4 || position + this.tableBytes > end) {
      throw buffer.malformed(
        this.vtable + 2,
        "a table that ends inside the file",
        `${this.tableBytes} bytes`,
      );
    }
  }

  int8(field: number, fallback = 0): number {
    const at = this.at(field, 1);
    return at === undefined ? fallback : this.buffer.int8(at);
  }
  uint8(field: number, fallback = 0): number {
    const at = this.at(field, 1);
    return at === undefined ? fallback : this.buffer.uint8(at);
  }
  int32(field: number, fallback = 0): number {
    const at = this.at(field, 4);
    return at === undefined ? fallback : this.buffer.int32(at);
  }
  uint32(field: number, fallback = 0): number {
    const at = this.at(field, 4);
    return at === undefined ? fallback : this.buffer.uint32(at);
  }
  float32(field: number, fallback = 0): number {
    const at = this.at(field, 4);
    return at === undefined ? fallback : this.buffer.float32(at);
  }
  /** A uint64, as a number. */
  uint64(field: number, fallback = 0): number {
    const at = this.at(field, 8);
    return at === undefined ? fallback : this.buffer.int64(at);
  }

  table(field: number): Table | undefined {
    const at = this.at(field, 4);
    return at === undefined ? undefined : new Table(this.buffer, this.buffer.follow(at));
  }

  /** UTF-8; damaged sequences become U+FFFD. */
  string(field: number): string | undefined {
    const at = this.at(field, 4);
    if (at === undefined) return undefined;
    const start = this.buffer.follow(at);
    const length = this.buffer.vectorLength(start, 1);
    if (length > MAX_STRING_BYTES) {
      throw this.buffer.malformed(start, `a string of at most ${MAX_STRING_BYTES} bytes`, `${length} bytes`);
    }
    this.buffer.charge(length, start);
    return new TextDecoder().decode(this.buffer.bytes.subarray(start + 4, start + 4 + length));
  }

  /** A vector of sub-tables. */
  tables(field: number): Table[] {
    return this.vector(field, 4, (at) => new Table(this.buffer, this.buffer.follow(at)));
  }
  int32s(field: number): number[] {
    return this.vector(field, 4, (at) => this.buffer.int32(at));
  }
  float32s(field: number): number[] {
    return this.vector(field, 4, (at) => this.buffer.float32(at));
  }
  int64s(field: number): number[] {
    return this.vector(field, 8, (at) => this.buffer.int64(at));
  }

  /** The bytes of a [ubyte] vector, not copied; undefined when absent. */
  byteVector(field: number): Uint8Array | undefined {
    const at = this.at(field, 4);
    if (at === undefined) return undefined;
    const start = this.buffer.follow(at);
    const length = this.buffer.vectorLength(start, 1);
    return this.buffer.bytes.subarray(start + 4, start + 4 + length);
  }

  private vector<T>(field: number, elementBytes: number, read: (at: number) => T): T[] {
    const at = this.at(field, 4);
    if (at === undefined) return [];
    const start = this.buffer.follow(at);
    const length = this.buffer.vectorLength(start, elementBytes);
    this.buffer.charge(length, start);
    return Array.from({ length }, (_, index) => read(start + 4 + index * elementBytes));
  }

  /** Byte offset of a field's value, or undefined where the table leaves it at its default. */
  private at(field: number, size: number): number | undefined {
    const entry = 4 + 2 * field;
    if (entry + 2 > this.vtableBytes) return undefined;
    const inTable = this.buffer.uint16(this.vtable + entry);
    if (inTable === 0) return undefined;
    if (inTable < 4 || inTable + size > this.tableBytes) {
      throw this.buffer.malformed(
        this.vtable + entry,
        `field ${field} inside its table of ${this.tableBytes} bytes`,
        `position ${inTable}`,
      );
    }
    return this.position + inTable;
  }
}
