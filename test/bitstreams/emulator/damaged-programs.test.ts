/**
 * Damaged programs, images and addresses: a run always ends as DONE or as ERROR with a code, throws nothing, and neither
 * reads nor writes outside the memory it was given.
 */
import { OverlayEmulator, PlainEngine, WasmEngine } from "@sluice/bitstreams/emulator";
import { weightCodecs } from "@sluice/sdk/codec";
import {
  control,
  crc32c,
  overlayErrors,
  type RegisterName,
  registers,
  smallGeometry,
  status,
} from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { type RandomProgram, randomProgram } from "../../support/random-program.js";
import { seededRandom } from "../../support/seeded-random.js";

const BASE = 0x1000_0000;
const GUARD = 4096;
const FRAME_BYTES = 65_536;
/** A run of sensible length ends long before; a damaged one may ask for more work than that and is stopped. */
const LARGEST_SLICES = 300;

/** One block of memory with guards around it, and an emulator that sees the inside only. */
class Bench {
  readonly #memory: Uint8Array;
  readonly #emulator: OverlayEmulator;
  readonly #imageBytes: number;

  constructor(engine: PlainEngine | WasmEngine, imageBytes: number) {
    this.#imageBytes = Math.ceil(imageBytes / 4096) * 4096;
    const inside = this.#imageBytes + 3 * FRAME_BYTES;
    this.#memory = new Uint8Array(GUARD + inside + GUARD).fill(0xee);
    this.#emulator = new OverlayEmulator({
      geometry: smallGeometry,
      engine,
      memory: {
        span: (address, byteLength) => {
          const start = address - BASE;
          if (!(start >= 0 && start + byteLength <= inside)) return undefined;
          return this.#memory.subarray(GUARD + start, GUARD + start + byteLength);
        },
      },
    });
  }

  #write(name: RegisterName, value: number): void {
    this.#emulator.writeRegister(registers[name].offset, value);
  }

  run(
    { plan, input }: RandomProgram,
    image: Uint8Array,
  ): { readonly status: number; readonly error: number; readonly output: number } {
    this.#memory.fill(0, GUARD, this.#memory.length - GUARD);
    this.#memory.set(image, GUARD);
    this.#memory.set(input, GUARD + this.#imageBytes);
    this.#write("IMAGE_BASE_LO", BASE);
    this.#write("INPUT_BASE_LO", BASE + this.#imageBytes);
    this.#write("OUTPUT_BASE_LO", BASE + this.#imageBytes + FRAME_BYTES);
    this.#write("SCRATCH_BASE_LO", BASE + this.#imageBytes + 2 * FRAME_BYTES);
    this.#write("COMMAND_OFFSET", plan.commandOffset);
    this.#write("COMMAND_COUNT", plan.commandCount);
    this.#write("TABLES_OFFSET", plan.tablesOffset);
    this.#write("TABLES_BYTES", plan.tablesBytes);
    this.#write("FRAME_COUNT", 1);
    this.#write("CONTROL", control.START);
    for (let slice = 0; this.#emulator.busy && slice < LARGEST_SLICES; slice += 1) this.#emulator.step();
    if (this.#emulator.busy) this.#write("CONTROL", control.ABORT);
    const guards = [this.#memory.subarray(0, GUARD), this.#memory.subarray(this.#memory.length - GUARD)];
    expect(guards.every((guard) => guard.every((byte) => byte === 0xee))).toBe(true);
    const read = (name: RegisterName) => this.#emulator.readRegister(registers[name].offset);
    const outputStart = GUARD + this.#imageBytes + FRAME_BYTES;
    const output = crc32c(this.#memory.subarray(outputStart, outputStart + FRAME_BYTES));
    return { status: read("STATUS"), error: read("ERROR"), output };
  }
}

const codes = Object.values(overlayErrors) as number[];
const suites = [
  { name: "plain", programs: 8, mutations: 40 },
  { name: "wasm", programs: 25, mutations: 80 },
] as const;

describe("damaged programs", () => {
  for (const { name, programs, mutations } of suites) {
    it(`${name}: ${programs * mutations} mutations end as DONE or ERROR`, { timeout: 120_000 }, () => {
      const errors = new Set<number>();
      for (let seed = 1; seed <= programs; seed += 1) {
        const random = seededRandom(seed);
        const codecs = weightCodecs.map((codec) => codec.id);
        const options = { geometry: smallGeometry, layers: 4, codecs, largestSide: 6, largestChannels: 16 };
        const program = randomProgram(random, options);
        const engine = name === "wasm" ? WasmEngine.create(smallGeometry) : new PlainEngine(smallGeometry);
        if (!engine) throw new Error("The WASM kernel is missing: run `npm run build`.");
        const bench = new Bench(engine, program.image.length);
        const healthy = bench.run(program, program.image);
        expect(healthy, `seed ${seed}`).toMatchObject({ status: status.DONE, error: 0 });
        for (let mutation = 0; mutation < mutations; mutation += 1) {
          const image = program.image.slice();
          const inProgram = random.integer(0, 3) > 0;
          const first = inProgram ? program.plan.commandOffset : 0;
          const last = inProgram
            ? first + program.plan.commandCount * 64 - 1
            : program.plan.commandOffset - 1;
          for (let change = random.integer(1, 3); change > 0; change -= 1) {
            const at = random.integer(first, last);
            image[at] = random.pick([image[at] ^ (1 << random.integer(0, 7)), random.integer(0, 255), 255]);
          }
          const result = bench.run(program, image);
          errors.add(result.error);
          const place = `seed ${seed}, mutation ${mutation}`;
          expect([status.DONE, status.ERROR], place).toContain(result.status);
          expect(codes, place).toContain(result.error);
          expect(result.status === status.ERROR, place).toBe(result.error !== overlayErrors.NONE);
        }
        // Nothing of a damaged run is left over.
        expect(bench.run(program, program.image), `seed ${seed}`).toEqual(healthy);
      }
      const { BAD_COMMAND, ACTIVATION_RANGE, WEIGHT_STREAM, MEMORY } = overlayErrors;
      for (const error of [BAD_COMMAND, ACTIVATION_RANGE, WEIGHT_STREAM, MEMORY]) {
        expect([...errors], "the mutations reach every kind of error").toContain(error);
      }
    });
  }
});
