/**
 * What every OverlayDevice promises, whatever it runs on. Call it with a factory for each implementation:
 *
 *   describeOverlayDevice("emulated", { open: () => new EmulatedDevice({ geometry: smallGeometry }) });
 *
 * Only the interface and the driver are used. Numbers the hardware is free to choose (cycles) are checked for sense.
 */
import type { DeviceBuffer, OverlayDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import {
  type Command,
  control,
  engineOrderCrc,
  engineTile,
  OVERLAY_ID,
  OVERLAY_VERSION,
  overlayErrors,
  type RegisterName,
  registers,
  status,
} from "@sluice/sdk/overlay";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { denseProgram } from "../support/contract-programs.js";
import { randomBytes } from "../support/random-program.js";
import { seededRandom } from "../support/seeded-random.js";

export interface DeviceFactory {
  /** A device after reset. */
  open(): Promise<OverlayDevice> | OverlayDevice;
  /** Milliseconds the slowest test may take. Default 30,000. */
  readonly timeoutMs?: number;
}

const SEED = 77;
const FAR_AWAY = 0xffff_0000_0000n;
const DEADLINE_MS = 20_000;

export function describeOverlayDevice(name: string, factory: DeviceFactory): void {
  describe(`OverlayDevice contract: ${name}`, { timeout: factory.timeoutMs ?? 30_000 }, () => {
    let device: OverlayDevice;
    const read = (register: RegisterName) => device.readRegister(registers[register].offset) >>> 0;
    const write = (register: RegisterName, value: number) =>
      device.writeRegister(registers[register].offset, value >>> 0);

    beforeEach(async () => {
      device = await factory.open();
    });
    afterEach(async () => {
      await device.close();
    });

    /** Starts whatever the registers say and returns STATUS. */
    async function start(): Promise<number> {
      write("IRQ_STATUS", 1);
      write("IRQ_ENABLE", 1);
      write("CONTROL", control.START);
      await device.waitForInterrupt(DEADLINE_MS);
      return read("STATUS");
    }

    function writeBase(pair: "IMAGE" | "INPUT" | "OUTPUT" | "SCRATCH", address: bigint): void {
      write(`${pair}_BASE_LO`, Number(address & 0xffff_ffffn));
      write(`${pair}_BASE_HI`, Number(address >> 32n));
    }

    interface Prepared {
      readonly program: ReturnType<typeof denseProgram>;
      readonly input: DeviceBuffer;
      readonly output: DeviceBuffer;
      readonly image: DeviceBuffer;
    }

    /** Image, input and output in DDR and every register set for one frame. */
    function prepare(
      change?: (commands: Command[]) => Command[],
      spoil: (image: Uint8Array, commandOffset: number) => void = () => undefined,
    ): Prepared {
      const program = denseProgram(device.geometry, change);
      const image = device.allocate(program.image.length, 4096);
      const input = device.allocate(64, 64);
      const output = device.allocate(64, 64);
      image.bytes.set(program.image);
      spoil(image.bytes, program.plan.commandOffset);
      image.toDevice();
      input.bytes.set(randomBytes(seededRandom(SEED), 64));
      input.toDevice();
      output.bytes.fill(0xa5);
      output.toDevice();
      writeBase("IMAGE", image.address);
      writeBase("INPUT", input.address);
      writeBase("OUTPUT", output.address);
      writeBase("SCRATCH", 0n);
      write("COMMAND_OFFSET", program.plan.commandOffset);
      write("COMMAND_COUNT", program.plan.commandCount);
      write("TABLES_OFFSET", 0);
      write("TABLES_BYTES", 0);
      write("FRAME_COUNT", 1);
      write("INPUT_STRIDE", 64);
      write("OUTPUT_STRIDE", 64);
      return { program, input, output, image };
    }

    function outputOf({ program, output, input }: Prepared): void {
      output.toHost();
      const expected = program.expected(input.bytes);
      expect([...new Int8Array(output.bytes.buffer, output.bytes.byteOffset, 10)]).toEqual([...expected]);
    }

    it("identifies itself and its geometry", () => {
      const { geometry } = device;
      expect(read("ID")).toBe(OVERLAY_ID);
      expect(read("VERSION") >>> 16).toBe(OVERLAY_VERSION >>> 16);
      const packed =
        geometry.pixels | (geometry.inputs << 8) | (geometry.outputs << 16) | (geometry.decoderLanes << 24);
      expect(read("GEOMETRY")).toBe(packed >>> 0);
      expect(read("ACTIVATION_ROWS")).toBe(geometry.activationRows);
      expect(read("WEIGHT_LINES")).toBe(geometry.weightLines);
      expect(read("CAPABILITY") & 1, "every build decodes stored weights").toBe(1);
      expect((read("CAPABILITY") >>> 16) & 0xff).toBe(geometry.requantizeLanes);
      expect(read("CAPABILITY") >>> 24).toBe(geometry.depthwiseChannels);
    });

    it("is idle after reset, without error, interrupt or frames", () => {
      for (const register of ["STATUS", "ERROR", "IRQ_STATUS", "IRQ_ENABLE", "FRAMES_DONE"] as const) {
        expect(read(register), register).toBe(0);
      }
      expect(read("CYCLES_LO")).toBe(0);
      expect(read("CYCLES_HI")).toBe(0);
    });

    it("keeps what is written to its read-write registers and ignores writes to the others", () => {
      for (const register of ["COMMAND_OFFSET", "COMMAND_COUNT", "FRAME_COUNT", "IMAGE_BASE_HI"] as const) {
        write(register, 0x1234_5680);
        expect(read(register), register).toBe(0x1234_5680);
      }
      write("ID", 0);
      write("STATUS", 0xffff_ffff);
      expect(read("ID")).toBe(OVERLAY_ID);
      expect(read("STATUS")).toBe(0);
    });

    it("runs a program: DONE, one frame, the right bytes, an interrupt that can be cleared", async () => {
      const prepared = prepare();
      expect(await start()).toBe(status.DONE);
      expect(read("FRAMES_DONE")).toBe(1);
      expect(read("ERROR")).toBe(overlayErrors.NONE);
      expect(read("IRQ_STATUS")).toBe(1);
      write("IRQ_STATUS", 1);
      expect(read("IRQ_STATUS")).toBe(0);
      expect(read("CYCLES_LO")).toBeGreaterThan(0);
      outputOf(prepared);
    });

    it("gives the same answer when it is started again", async () => {
      const prepared = prepare();
      for (let round = 0; round < 3; round += 1) {
        prepared.output.bytes.fill(round);
        prepared.output.toDevice();
        expect(await start()).toBe(status.DONE);
        outputOf(prepared);
      }
    });

    it("never uses weights of an image that has been rewritten", async () => {
      const prepared = prepare();
      expect(await start()).toBe(status.DONE);
      const { image, input, output, program } = prepared;
      // Every weight becomes 1, so that each output is its bias plus the sum of the inputs.
      image.toHost();
      image.bytes.fill(1, program.conv.weightsOffset, program.conv.weightsOffset + program.conv.weightsBytes);
      image.toDevice();
      expect(await start()).toBe(status.DONE);
      output.toHost();
      const sum = input.bytes.subarray(0, 24).reduce((total, byte) => total + ((byte << 24) >> 24), 0);
      const codes = new Int8Array(output.bytes.buffer, output.bytes.byteOffset, 10);
      const expected = Array.from(codes, (_, index) => Math.floor((index * 100 - 450 + sum) / 64 + 0.5));
      expect([...codes]).toEqual(expected);
    });

    it("reads the CRC of a layer's output, in engine order", async () => {
      const { program, input } = prepare();
      await start();
      write("LAYER_SELECT", 0);
      const codes = program.expected(input.bytes);
      const shape = { height: 1, width: 1, channels: codes.length, tile: engineTile(device.geometry) };
      expect(read("LAYER_CRC0")).toBe(engineOrderCrc(codes, shape, device.geometry));
      expect(read("LAYER_CRC1")).toBe(0);
      expect(read("LAYER_CYCLES")).toBeGreaterThan(0);
      expect(read("LAYER_WEIGHT_BEATS")).toBeGreaterThan(0);
    });

    const badCommands: [string, (commands: Command[]) => Command[], keyof typeof overlayErrors, number][] = [
      [
        "an input outside the activation memory",
        ([load, conv, ...rest]) => [load, { ...conv, inBase: 0xffff } as Command, ...rest],
        "ACTIVATION_RANGE",
        1,
      ],
      [
        "an output outside the activation memory",
        ([load, conv, ...rest]) => [load, { ...conv, out0Base: 0xffff } as Command, ...rest],
        "ACTIVATION_RANGE",
        1,
      ],
      [
        "a LOAD outside the activation memory",
        ([load, ...rest]) => [{ ...load, out0Base: 0xffff } as Command, ...rest],
        "ACTIVATION_RANGE",
        0,
      ],
      [
        "a codec without a decoder",
        ([load, conv, ...rest]) => [load, { ...conv, codec: 15 } as Command, ...rest],
        "UNSUPPORTED_CODEC",
        1,
      ],
      [
        "a weight stream that ends early",
        ([load, conv, ...rest]) => [load, { ...conv, weightsBytes: 16 } as Command, ...rest],
        "WEIGHT_STREAM",
        1,
      ],
      [
        "an END with commands behind it",
        (commands) => [...commands, ...commands.slice(-1)],
        "BAD_COMMAND",
        3,
      ],
      ["the end of a program without END", (commands) => commands.slice(0, -1), "BAD_COMMAND", 3],
    ];
    for (const [what, change, error, command] of badCommands) {
      it(`stops at ${what} with ${error}`, async () => {
        prepare(change);
        expect(await start()).toBe(status.ERROR);
        expect(read("ERROR")).toBe(overlayErrors[error]);
        expect(read("ERROR_COMMAND")).toBe(command);
        expect(read("FRAMES_DONE")).toBe(0);
      });
    }

    it("stops at an unknown opcode and at reserved bits with BAD_COMMAND", async () => {
      for (const [at, value] of [
        [0, 0x7e],
        [12 * 4 + 3, 0x80],
      ] as const) {
        prepare(undefined, (image, commandOffset) => {
          // The STORE command: word 12 holds no field of it.
          image[commandOffset + 2 * 64 + at] = value;
        });
        expect(await start()).toBe(status.ERROR);
        expect(read("ERROR")).toBe(overlayErrors.BAD_COMMAND);
        expect(read("ERROR_COMMAND")).toBe(2);
      }
    });

    it("answers MEMORY for addresses where no memory is", async () => {
      prepare();
      writeBase("OUTPUT", FAR_AWAY);
      expect(await start()).toBe(status.ERROR);
      expect(read("ERROR")).toBe(overlayErrors.MEMORY);
      expect(read("ERROR_COMMAND")).toBe(2);
      writeBase("IMAGE", FAR_AWAY);
      expect(await start()).toBe(status.ERROR);
      expect(read("ERROR")).toBe(overlayErrors.MEMORY);
    });

    it("works again after an error", async () => {
      prepare(([load, conv, ...rest]) => [load, { ...conv, codec: 15 } as Command, ...rest]);
      expect(await start()).toBe(status.ERROR);
      const prepared = prepare();
      expect(await start()).toBe(status.DONE);
      expect(read("ERROR")).toBe(overlayErrors.NONE);
      outputOf(prepared);
    });

    it("stops a long run when told to", async () => {
      prepare();
      const frames = 50_000_000;
      write("FRAME_COUNT", frames);
      // Every frame reads and writes the same place.
      write("INPUT_STRIDE", 0);
      write("OUTPUT_STRIDE", 0);
      write("IRQ_ENABLE", 1);
      write("CONTROL", control.START);
      expect(read("STATUS") & status.BUSY).toBe(status.BUSY);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(read("STATUS"), "the event loop turns while the overlay runs").toBe(status.BUSY);
      write("CONTROL", control.ABORT);
      await device.waitForInterrupt(DEADLINE_MS);
      expect(read("STATUS")).toBe(status.ERROR);
      expect(read("ERROR")).toBe(overlayErrors.ABORTED);
      expect(read("FRAMES_DONE")).toBeLessThan(frames);
      // And it can be started again.
      write("FRAME_COUNT", 1);
      expect(await start()).toBe(status.DONE);
    });

    it("gives up waiting at the deadline", async () => {
      const before = performance.now();
      await expect(device.waitForInterrupt(50)).rejects.toMatchObject({
        name: "DeviceError",
        code: "interrupt-timeout",
      });
      expect(performance.now() - before).toBeLessThan(5000);
    });

    it("hands out aligned buffers that do not overlap, and takes them back", () => {
      const free = device.freeBytes;
      const buffers = [1, 64, 4096, 100].map((bytes) => device.allocate(bytes, 4096));
      const ranges = buffers.map(({ address, byteLength }) => [address, address + BigInt(byteLength)]);
      ranges.sort(([a], [b]) => (a < b ? -1 : 1));
      ranges.forEach(([first], index) => {
        expect(first % 4096n).toBe(0n);
        if (index > 0) expect(first >= ranges[index - 1][1]).toBe(true);
      });
      expect(device.freeBytes).toBeLessThan(free);
      for (const buffer of buffers) buffer.free();
      expect(device.freeBytes).toBe(free);
    });

    it("says how much memory is free when it runs out", () => {
      expect(() => device.allocate(device.freeBytes + 1, 64)).toThrow(
        expect.objectContaining({ name: "DeviceError", code: "out-of-memory" }),
      );
    });

    it("runs many frames of one START, each on its own input", async () => {
      const program = denseProgram(device.geometry);
      const driver = new OverlayDriver(device, { batchFrames: 5 });
      driver.load(program.plan, program.sections);
      const random = seededRandom(SEED);
      const frames = Array.from({ length: 12 }, () => randomBytes(random, program.plan.inputFrameBytes));
      const { outputs, cycles } = await driver.run(frames);
      frames.forEach((frame, index) => {
        const start = index * program.plan.outputFrameBytes;
        const codes = new Int8Array(outputs.buffer, outputs.byteOffset + start, 10);
        expect([...codes], `frame ${index}`).toEqual([...program.expected(frame)]);
      });
      expect(cycles).toBeGreaterThan(0);
      driver.unload();
    });

    it("dumps a layer's output", async () => {
      const program = denseProgram(device.geometry);
      const driver = new OverlayDriver(device);
      driver.load(program.plan, program.sections);
      const frame = randomBytes(seededRandom(SEED), program.plan.inputFrameBytes);
      const dump = await driver.dumpLayer(0, 0, frame);
      expect(dump).toMatchObject({ layer: 0, output: 0, height: 1, width: 1, channels: 10 });
      expect([...dump.codes]).toEqual([...program.expected(frame)]);
      await expect(driver.dumpLayer(1, 0, frame)).rejects.toMatchObject({ code: "no-such-layer" });
      await expect(driver.dumpLayer(0, 1, frame)).rejects.toMatchObject({ code: "no-such-output" });
      driver.unload();
    });
  });
}
