/**
 * The kv260 device with its real mmap, UIO and cache maintenance code, on a KV260's file tree whose fabric is the
 * functional model: the driver runs programs and every output byte must be right.
 */
import { openDevice } from "@sluice/board-firmware/device";
import { Kv260Device } from "@sluice/board-firmware/device/kv260.js";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { runBoard } from "@sluice/board-firmware/main.js";
import { type Kv260Tree, makeKv260Tree } from "@sluice/board-firmware/testing/kv260-tree.js";
import { registers, smallGeometry } from "@sluice/sdk/overlay";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { denseProgram } from "../../support/contract-programs.js";
import { busTo, type Fabric, InterruptNode, startFabric } from "../../support/kv260-fabric.js";
import { runSluice } from "../../support/run-sluice.js";
import { seededRandom } from "../../support/seeded-random.js";

const MEMORY = { address: 0x7000_0000, bytes: 2 ** 22 };

describe("Kv260Device on a tree with a fabric", () => {
  let interrupt: InterruptNode;
  let tree: Kv260Tree;
  let device: Kv260Device;
  let fabric: Fabric;

  beforeEach(async () => {
    interrupt = new InterruptNode();
    tree = makeKv260Tree({ uioNode: interrupt.path });
    device = await Kv260Device.open(smallGeometry, { files: tree.files, bus: busTo(() => fabric) });
    fabric = startFabric(tree, smallGeometry, interrupt, MEMORY);
  });
  afterEach(async () => {
    await device.close();
    fabric.stop();
    interrupt.close();
    tree.cleanup();
  });

  it("runs a program bit for bit, frame after frame, with every buffer given over and back", async () => {
    const program = denseProgram(smallGeometry);
    const driver = new OverlayDriver(device, { batchFrames: 2 });
    driver.load(program.plan, program.sections);
    const seed = 260;
    const random = seededRandom(seed);
    const { inputFrameBytes, outputFrameBytes } = program.plan;
    const frames = Uint8Array.from({ length: 5 * inputFrameBytes }, () => random.integer(0, 255));
    const { outputs } = await driver.run(frames);
    for (let frame = 0; frame < 5; frame += 1) {
      const input = frames.subarray(frame * inputFrameBytes, (frame + 1) * inputFrameBytes);
      const expected = program.expected(input);
      const found = outputs.subarray(frame * outputFrameBytes, frame * outputFrameBytes + expected.length);
      expect([...new Int8Array(found)], `seed ${seed}, frame ${frame}`).toEqual([...expected]);
    }
    const sync = /0x[0-9a-f]{16}/;
    expect(tree.text("/sys/class/u-dma-buf/udmabuf0/sync_for_device")).toMatch(sync);
    expect(tree.text("/sys/class/u-dma-buf/udmabuf0/sync_for_cpu")).toMatch(sync);
    driver.unload();
    expect(device.freeBytes).toBe(MEMORY.bytes);
  });

  it("reports an interrupt that never comes within its deadline, and works again afterwards", async () => {
    const program = denseProgram(smallGeometry);
    const driver = new OverlayDriver(device);
    driver.load(program.plan, program.sections);
    const frame = new Uint8Array(program.plan.inputFrameBytes);
    fabric.interrupts = false;
    await expect(driver.run(frame, { deadlineMs: 80 })).rejects.toMatchObject({
      code: "deadline",
      cause: { code: "interrupt-timeout", found: "none, although IRQ_STATUS is set" },
    });
    fabric.interrupts = true;
    expect((await driver.run(frame)).frames).toBe(1);
  });

  it("does not take a count left over from an earlier run for this one's interrupt", async () => {
    device.writeRegister(registers.IRQ_STATUS.offset, 0);
    interrupt.raise();
    await expect(device.waitForInterrupt(60)).rejects.toMatchObject({
      code: "interrupt-timeout",
      found: "none",
    });
  });

  it("refuses a second waiter, bad registers, and everything after close", async () => {
    const waiting = device.waitForInterrupt(5_000);
    await expect(device.waitForInterrupt(10)).rejects.toMatchObject({ code: "busy" });
    expect(() => device.readRegister(2)).toThrow(expect.objectContaining({ code: "bad-register" }));
    expect(() => device.readRegister(0x1000)).toThrow(expect.objectContaining({ code: "bad-register" }));
    const buffer = device.allocate(4096, 4096);
    const ended = expect(waiting).rejects.toMatchObject({ code: "closed" });
    await device.close();
    await ended;
    expect(() => device.readRegister(0)).toThrow(expect.objectContaining({ code: "closed" }));
    await expect(device.waitForInterrupt(10)).rejects.toMatchObject({ code: "closed" });
    // A view that outlives the device reads zeros; the process goes on.
    expect(buffer.bytes.every((byte) => byte === 0)).toBe(true);
  });

  it("tells its clock, power and temperature, and the clock it really has to the driver", () => {
    expect(device.geometry.clockMHz).toBeCloseTo(249.9975, 3);
    expect(device.readings()).toMatchObject({
      power: { available: true, value: 3.82, unit: "W" },
      "temperature ps": { available: true, unit: "°C" },
      clock: { available: true, value: expect.closeTo(249.9975, 3), unit: "MHz" },
      "memory free": { available: true, value: 3_208_412 * 1024, unit: "B" },
      "energy per inference": { available: false },
    });
  });
});

describe("opening a kv260", () => {
  it("takes the overlay out again when there is no memory for it", async () => {
    const tree = makeKv260Tree({ udmabuf: false, cmaFreeKiB: 1_024 });
    await expect(Kv260Device.open(smallGeometry, { files: tree.files })).rejects.toMatchObject({
      code: "no-contiguous-memory",
      found: "none; CMA 1 of 1000 MiB free, exhausted",
    });
    expect(tree.files.list("/sys/kernel/config/device-tree/overlays")).toEqual([]);
    tree.cleanup();
  });

  it("says which gate refused on any other machine", async () => {
    await expect(openDevice("kv260", smallGeometry)).rejects.toMatchObject({
      code: "gate-board",
      hint: expect.stringContaining("--device emulated"),
    });
  });

  it("serves a board whose status carries the readings", async () => {
    const tree = makeKv260Tree();
    const device = await Kv260Device.open(smallGeometry, { files: tree.files });
    const board = await runBoard({ device, tcp: { port: 0 }, logLevel: "silent" });
    expect(board.ready).toMatchObject({ kind: "kv260", geometry: "p4i8o8" });
    await board.close();
    tree.cleanup();
  });

  it("is refused by name on the command line, with the gate and the next step", async () => {
    const elsewhere = await runSluice(["board", "--device", "kv260"]);
    expect(elsewhere).toMatchObject({ code: 1, stdout: "" });
    expect(elsewhere.stderr).toContain("[gate-board]");
    // No kernel answers behind this tree: state says operating, but nothing was ever written to the fabric.
    const tree = makeKv260Tree();
    const silent = await runSluice([
      "board",
      "--device",
      "kv260",
      "--geometry",
      "p4i8o8",
      "--root",
      tree.root,
    ]);
    expect(silent).toMatchObject({ code: 1, stdout: "" });
    expect(silent.stderr).toContain("[gate-log]");
    tree.cleanup();
  });
});
