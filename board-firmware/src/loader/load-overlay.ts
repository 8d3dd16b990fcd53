/**
 * Loads an overlay into the fabric, gate by gate (gates.ts), and hands its registers out only when all have passed.
 *
 *   const overlay = await loadOverlay(new BoardFiles(), kv260Geometry);
 *   overlay.registers.read(registers.STATUS.offset);
 *   await overlay.unload();
 */
import {
  OVERLAY_ID,
  OVERLAY_VERSION,
  type OverlayGeometry,
  type OverlayManifest,
  registers,
} from "@sluice/sdk/overlay";
import {
  type BoardFiles,
  DevMem,
  findUio,
  openWindow,
  type PhysicalMemory,
  type RegisterWindow,
  type UioNode,
} from "../board-files/index.js";
import { passAxiWidthGate } from "./axi-ports.js";
import { passBoardGate } from "./board-model.js";
import { applyOverlay, removeOverlay } from "./device-tree-overlay.js";
import { installApp, loadApp, unloadApp } from "./dfx-manager.js";
import { passFlagsGate, passLogGate, passStateGate, placeFirmware, program } from "./fpga-manager.js";
import { asRefusal, atGate, type Gate, hex, type PassedGate, refuse } from "./gates.js";
import { excerptSince, newestRecord } from "./kernel-log.js";
import { type CheckedOverlay, checkOverlayFolder, OVERLAYS_FOLDER } from "./overlay-folder.js";
import { type PlClock, passClockGate } from "./pl-clock.js";

const DEFAULT_UIO_DEADLINE_MS = 3_000;
const UIO_POLL_MS = 20;

export interface LoadOptions {
  /** Folder of the overlay on the board. Default /usr/share/sluice/overlays/<geometry>. */
  readonly folder?: string;
  /** Default "fpga-manager"; "xmutil" leaves the programming to the vendor's dfx-mgr. */
  readonly method?: "fpga-manager" | "xmutil";
  /** Registers of the processing system. Default /dev/mem. */
  readonly memory?: PhysicalMemory;
  /** Stands between the runtime and the mapped registers, where a test plays the fabric. Default the mapping itself. */
  readonly bus?: (mapped: RegisterWindow) => RegisterWindow;
  /** How long udev may take to make the UIO node, in milliseconds. Default 3,000. */
  readonly uioDeadlineMs?: number;
}

export interface LoadedOverlay {
  readonly manifest: OverlayManifest;
  readonly registers: RegisterWindow;
  readonly uio: UioNode;
  readonly clock: PlClock;
  /** Every gate with what it saw, in the order in which they passed. */
  readonly passed: readonly PassedGate[];
  /** Unmaps the registers and takes the overlay's device tree out again. */
  unload(): Promise<void>;
}

/** @throws {LoaderError} `gate-<name>`; the registers of the overlay have then not been touched */
export async function loadOverlay(
  files: BoardFiles,
  geometry: OverlayGeometry,
  options: LoadOptions = {},
): Promise<LoadedOverlay> {
  const passed: PassedGate[] = [];
  const gate = <T>(name: Gate, work: () => T, describe: (result: T) => string = String): T => {
    const result = atGate(name, work);
    passed.push({ gate: name, found: describe(result) });
    return result;
  };
  gate("board", () => passBoardGate(files));
  const folder = options.folder ?? `${OVERLAYS_FOLDER}/${geometry.id}`;
  const overlay = checkOverlayFolder(files, folder, geometry);
  passed.push(...overlay.passed);
  const { manifest } = overlay;
  // A log nobody can read cannot clear the load later on; better to know before anything has happened.
  const mark = atGate("log", () => newestRecord(files));
  const method = options.method ?? "fpga-manager";
  await undoEarlierLoad(files, manifest, method);
  try {
    await programFabric(files, overlay, method, mark, gate);
    const uio = await waitForUio(files, manifest, mark, options.uioDeadlineMs ?? DEFAULT_UIO_DEADLINE_MS);
    passed.push({ gate: "device-tree", found: `${uio.path} is ${uio.name}` });
    const memory = options.memory ?? new DevMem(files);
    gate("axi-width", () => passAxiWidthGate(memory, [manifest.registers, ...manifest.memory.ports]));
    const clock = gate(
      "clock",
      () => passClockGate(memory, manifest.clock),
      ({ megahertz, source }) => `${megahertz.toFixed(3)} MHz from ${source}`,
    );
    const window = atGate("identity", () => {
      const mapped = openRegisters(files, manifest, uio);
      return options.bus?.(mapped) ?? mapped;
    });
    try {
      gate("identity", () => passIdentityGate(window));
    } catch (error) {
      window.close();
      throw error;
    }
    const unload = async (): Promise<void> => {
      window.close();
      await undoEarlierLoad(files, manifest, method);
    };
    return { manifest, registers: window, uio, clock, passed, unload };
  } catch (error) {
    // The refusal is what counts; a device tree that cannot be removed now is reported by the next load.
    await undoEarlierLoad(files, manifest, method).catch(() => undefined);
    throw error;
  }
}

type PassGate = <T>(name: Gate, work: () => T, describe?: (result: T) => string) => T;

async function programFabric(
  files: BoardFiles,
  { manifest, image, dtbo }: CheckedOverlay,
  method: "fpga-manager" | "xmutil",
  mark: number,
  gate: PassGate,
): Promise<void> {
  const overlayName = configfsName(manifest);
  gate("flags", () => passFlagsGate(files));
  if (method === "xmutil") {
    if (!dtbo) {
      throw refuse("program", "xmutil needs a device-tree overlay, and this overlay brings none.", {
        place: "manifest, deviceTree",
        expected: "a .dtbo file",
        found: "none",
        hint: "Load through fpga_manager (the default).",
      });
    }
    atGate("program", () => installApp(files, { name: overlayName, image, dtbo }));
    const said = await loadApp(files, overlayName, mark);
    gate("program", () => said || "xmutil was silent");
    gate("state", () => passStateGate(files, mark));
    gate("log", () => passLogGate(files, mark, undefined));
    return;
  }
  const name = atGate("program", () => placeFirmware(files, manifest.firmware.name, image));
  const byDeviceTree = manifest.deviceTree?.programsFabric === true;
  if (!byDeviceTree)
    gate(
      "program",
      () => program(files, name, mark),
      () => name,
    );
  else if (dtbo) gate("program", () => applyOverlay(files, overlayName, dtbo, mark));
  gate("state", () => passStateGate(files, mark));
  gate("log", () => passLogGate(files, mark, name));
  if (!byDeviceTree && dtbo) atGate("device-tree", () => applyOverlay(files, overlayName, dtbo, mark));
}

const configfsName = (manifest: OverlayManifest): string => `sluice-${manifest.geometry}`;

async function undoEarlierLoad(
  files: BoardFiles,
  manifest: OverlayManifest,
  method: "fpga-manager" | "xmutil",
): Promise<void> {
  try {
    if (method === "xmutil") await unloadApp(files);
    else removeOverlay(files, configfsName(manifest));
  } catch (error) {
    throw asRefusal(method === "xmutil" ? "program" : "device-tree", error);
  }
}

async function waitForUio(
  files: BoardFiles,
  manifest: OverlayManifest,
  mark: number,
  deadlineMs: number,
): Promise<UioNode> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const node = findUio(files, manifest.interrupt.uio);
    if (node && files.exists(node.path)) return node;
    if (performance.now() >= end) break;
    await new Promise((resolve) => setTimeout(resolve, UIO_POLL_MS));
  }
  throw refuse("device-tree", "The overlay's interrupt did not appear as a UIO node.", {
    place: "/sys/class/uio/uio*/name",
    expected: `"${manifest.interrupt.uio}" within ${deadlineMs} ms`,
    found: "none of that name",
    hint: "Add uio_pdrv_genirq.of_id=generic-uio to the kernel's boot arguments, restart, and load again.",
    details: { kernelLog: excerptSince(files, mark) },
  });
}

/** Through the UIO node where it maps the registers, else through /dev/mem. */
function openRegisters(files: BoardFiles, manifest: OverlayManifest, uio: UioNode): RegisterWindow {
  const { base, bytes } = manifest.registers;
  const [map] = uio.maps;
  if (map === undefined) return openWindow(files, "/dev/mem", base, bytes);
  if (map.address === base && map.bytes >= bytes) return openWindow(files, uio.path, 0, bytes);
  throw refuse("identity", "The UIO node maps other registers than the overlay's.", {
    place: `${uio.path}, map 0`,
    expected: `0x${base.toString(16)}, ${bytes} bytes`,
    found: `0x${map.address.toString(16)}, ${map.bytes} bytes`,
    hint: "Use manifest and device-tree overlay of one build.",
  });
}

function passIdentityGate(window: RegisterWindow): string {
  const id = window.read(registers.ID.offset);
  if (id !== OVERLAY_ID) {
    throw refuse("identity", "What answers at the register address is no Sluice overlay.", {
      place: "register ID",
      expected: hex(OVERLAY_ID),
      found: hex(id),
      hint: "Check the register base address in the manifest against the design's address map.",
    });
  }
  const version = window.read(registers.VERSION.offset);
  if (version >>> 16 !== OVERLAY_VERSION >>> 16) {
    throw refuse("identity", "The overlay follows another version of the register contract.", {
      place: "register VERSION",
      expected: `${OVERLAY_VERSION >>> 16}.x`,
      found: `${version >>> 16}.${version & 0xffff}`,
      hint: "Use the overlay and the runtime of one release.",
    });
  }
  return `ID ${hex(id)}, version ${version >>> 16}.${version & 0xffff}`;
}
