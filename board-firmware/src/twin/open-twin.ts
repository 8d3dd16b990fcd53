/**
 * The emulated board that fails on purpose. Faults of loading happen in the real loader, on a KV260's file tree; those
 * of fabric and memory in the emulated device.
 */
import { control, type OverlayGeometry, registers } from "@sluice/sdk/overlay";
import { EmulatedDevice } from "../device/emulated.js";
import type { FaultPlan } from "./fault-plan.js";
import { MemoryFaults } from "./memory-faults.js";

const LINE_BYTES = 64;

/** @throws {LoaderError} `gate-flags`, `gate-log`, `gate-clock` when such a fault strikes */
export async function openTwin(geometry: OverlayGeometry, plan: FaultPlan): Promise<EmulatedDevice> {
  if (plan.has("stale-flags", "silent-load", "wrong-clock")) await passLoader(geometry, plan);
  let stalled = false;
  let hung = false;
  let interruptLost = false;
  const device: EmulatedDevice = new EmulatedDevice({
    geometry,
    checkOwnership: plan.has("stale-cache-line"),
    faults: {
      onWrite: (offset, value) => {
        if (offset !== registers.CONTROL.offset) return true;
        if (hung) return false;
        // One that is only stalled obeys ABORT.
        stalled = false;
        if (!(value & control.START)) return true;
        stalled = plan.strike("dma-stall");
        hung = plan.strike("dma-hang");
        interruptLost = plan.strike("interrupt-lost");
        if (plan.strike("clock-skew")) plan.skewClock();
        memory.beforeRun();
        return true;
      },
      onSlice: () => !stalled && !hung,
      onInterrupt: () => {
        memory.afterRun();
        return !interruptLost;
      },
      onAllocate: () => !plan.strike("out-of-memory"),
      onCache: (_, { byteLength }) => {
        if (!plan.strike("stale-cache-line")) return true;
        const offset = plan.pick(Math.ceil(byteLength / LINE_BYTES)) * LINE_BYTES;
        return { offset, byteLength: Math.min(LINE_BYTES, byteLength - offset) };
      },
    },
  });
  const memory = new MemoryFaults(device, plan);
  return device;
}

/** The loader on the file tree of a board whose kernel or clocks are in the state the plan wants. */
async function passLoader(geometry: OverlayGeometry, plan: FaultPlan): Promise<void> {
  // koffi and the tree only when they are needed.
  const { loadOverlay } = await import("../loader/index.js");
  const { makeKv260Tree } = await import("../testing/kv260-tree.js");
  const tree = makeKv260Tree({
    geometry,
    faults: {
      flagsStuck: plan.strike("stale-flags"),
      loadFailsSilently: plan.strike("silent-load"),
      pllWrong: plan.strike("wrong-clock"),
    },
  });
  try {
    const overlay = await loadOverlay(tree.files, geometry);
    await overlay.unload();
  } finally {
    tree.cleanup();
  }
}
