/** The emulated device keeps the contract, on both engines; and what only an emulated one can show. */
import { PlainEngine } from "@sluice/bitstreams/emulator";
import { EmulatedDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { geometryById, kv260Geometry, registers, smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { describeOverlayDevice } from "../contract/overlay-device.js";
import { denseProgram } from "../support/contract-programs.js";

describeOverlayDevice("emulated, small geometry", {
  open: () => new EmulatedDevice({ geometry: smallGeometry, checkOwnership: true }),
});

describeOverlayDevice("emulated, kv260 geometry", {
  open: () => new EmulatedDevice({ checkOwnership: true }),
});

describeOverlayDevice("emulated without WASM", {
  open: () => new EmulatedDevice({ geometry: smallGeometry, engine: new PlainEngine(smallGeometry) }),
});

describe("EmulatedDevice", () => {
  it("shows forgotten cache maintenance: the driver finds its poison in the output", async () => {
    const device = new EmulatedDevice({
      checkOwnership: true,
      // Nothing ever reaches the host again after the first copy to the device.
      faults: { onCache: (direction) => direction === "to-device" },
    });
    const program = denseProgram(device.geometry);
    const driver = new OverlayDriver(device);
    driver.load(program.plan, program.sections);
    const frame = new Uint8Array(program.plan.inputFrameBytes);
    await expect(driver.run(frame)).rejects.toMatchObject({ code: "unwritten-output" });
    await device.close();
  });

  it("loses an interrupt when told to, and the driver reports the registers", async () => {
    const device = new EmulatedDevice({ faults: { onInterrupt: () => false } });
    const program = denseProgram(device.geometry);
    const driver = new OverlayDriver(device);
    driver.load(program.plan, program.sections);
    const frame = new Uint8Array(program.plan.inputFrameBytes);
    await expect(driver.run(frame, { deadlineMs: 100 })).rejects.toMatchObject({
      code: "deadline",
      details: { registers: { FRAMES_DONE: "0x00000001" } },
    });
    await device.close();
  });

  it("stops with a deadline when DMA stalls, and works again afterwards", async () => {
    let stalled = true;
    const device = new EmulatedDevice({ faults: { onSlice: () => !stalled } });
    const program = denseProgram(device.geometry);
    const driver = new OverlayDriver(device);
    driver.load(program.plan, program.sections);
    const frame = new Uint8Array(program.plan.inputFrameBytes);
    await expect(driver.run(frame, { deadlineMs: 50 })).rejects.toMatchObject({ code: "deadline" });
    stalled = false;
    expect((await driver.run(frame)).frames).toBe(1);
    await device.close();
  });

  it("refuses a package for another geometry and names both", () => {
    const device = new EmulatedDevice({ geometry: smallGeometry });
    const { plan, sections } = denseProgram(kv260Geometry);
    const refusal = { code: "geometry-mismatch", found: expect.stringContaining("pixels 4") };
    expect(() => new OverlayDriver(device).load(plan, sections)).toThrow(expect.objectContaining(refusal));
    expect(geometryById(plan.geometry).pixels).toBe(8);
  });

  it("refuses a device that is no overlay", () => {
    const device = new EmulatedDevice({
      faults: { onRead: (offset, value) => (offset === registers.ID.offset ? 0xffff_ffff : value) },
    });
    const { plan, sections } = denseProgram(kv260Geometry);
    const refusal = { code: "not-an-overlay", found: "0xffffffff" };
    expect(() => new OverlayDriver(device).load(plan, sections)).toThrow(expect.objectContaining(refusal));
  });

  it("refuses a model larger than its memory before anything is allocated", () => {
    const device = new EmulatedDevice({ memoryBytes: 8192 });
    const { plan, sections } = denseProgram(kv260Geometry);
    const driver = new OverlayDriver(device, { batchFrames: 1000 });
    expect(() => driver.load(plan, sections)).toThrow(expect.objectContaining({ code: "out-of-memory" }));
    expect(device.usedBytes).toBe(0);
  });

  it("says which buffer is used after it was freed", () => {
    const device = new EmulatedDevice();
    const buffer = device.allocate(64, 64);
    buffer.free();
    expect(() => buffer.toDevice()).toThrow(expect.objectContaining({ code: "use-after-free" }));
  });

  it("lets the event loop turn during a long run, and stops it by signal", async () => {
    const device = new EmulatedDevice();
    const program = denseProgram(device.geometry);
    const driver = new OverlayDriver(device, { batchFrames: 4096 });
    driver.load(program.plan, program.sections);
    const frames = new Uint8Array(program.plan.inputFrameBytes * 200_000);
    const stop = new AbortController();
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
      if (turns === 5) stop.abort();
    }, 5);
    await expect(driver.run(frames, { signal: stop.signal })).rejects.toMatchObject({ code: "aborted" });
    clearInterval(timer);
    expect(turns).toBeGreaterThanOrEqual(5);
    await expect(driver.run(frames.subarray(0, 64))).resolves.toMatchObject({ frames: 1 });
    await device.close();
  });

  it("names the overlay's error, the command and the layer", async () => {
    const device = new EmulatedDevice();
    const { plan, sections, conv } = denseProgram(device.geometry);
    const damaged = sections.map((section) =>
      section.kind === "program" ? { ...section, bytes: shortenStream(section.bytes) } : section,
    );
    const driver = new OverlayDriver(device);
    driver.load(plan, damaged, ["classifier"]);
    await expect(driver.run(new Uint8Array(plan.inputFrameBytes))).rejects.toMatchObject({
      code: "overlay-error",
      place: 'command 1, CONV, layer "classifier"',
      details: { overlayError: "WEIGHT_STREAM", command: 1, layer: 0 },
    });
    expect(conv.weightsBytes).toBe(240);
    await device.close();
  });
});

/** The CONV's weightsBytes, word 10 of command 1. */
function shortenStream(program: Uint8Array): Uint8Array {
  const bytes = program.slice();
  new DataView(bytes.buffer).setUint32(64 + 10 * 4, 17, true);
  return bytes;
}
