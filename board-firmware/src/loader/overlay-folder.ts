/** An overlay's folder on the board, and the gates that need nothing but its files. */
import { createHash } from "node:crypto";
import { SluiceError } from "@sluice/sdk/errors.js";
import {
  OVERLAY_VERSION,
  type OverlayFile,
  type OverlayGeometry,
  type OverlayManifest,
  parseOverlayManifest,
} from "@sluice/sdk/overlay";
import type { BoardFiles } from "../board-files/index.js";
import { type BitHeader, parseBitHeader } from "./bit-header.js";
import { checkDtbo } from "./device-tree-overlay.js";
import { makeFirmwareImage } from "./firmware-image.js";
import { atGate, type PassedGate, refuse } from "./gates.js";
import { type HardwareHandoff, parseHardwareHandoff } from "./hwh.js";
import { windowProblem } from "./register-windows.js";

export const OVERLAYS_FOLDER = "/usr/share/sluice/overlays";
const PART_OF_THE_BOARD = "xck26-sfvc784-2lv";
const LARGEST_FILE = 64 * 2 ** 20;
const COPY_AGAIN = "Copy the overlay's folder to the board again.";

export interface CheckedOverlay {
  readonly manifest: OverlayManifest;
  readonly header: BitHeader;
  /** What fpga_manager takes. */
  readonly image: Uint8Array;
  readonly dtbo?: Uint8Array;
  readonly handoff?: HardwareHandoff;
  readonly passed: readonly PassedGate[];
}

/** @throws {LoaderError} `gate-manifest` */
export function readManifest(files: BoardFiles, folder: string): OverlayManifest {
  const path = `${folder}/manifest.json`;
  if (!files.exists(path)) {
    throw refuse("manifest", "There is no overlay for this geometry on this machine.", {
      place: path,
      expected: "the overlay's manifest beside its files",
      found: "none",
      hint: `Build the overlay with Vivado and copy bitstreams/overlays/<geometry> to ${folder}.`,
    });
  }
  const text = atGate("manifest", () => files.readText(path));
  try {
    return parseOverlayManifest(text, path);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const { message, place, expected, found, hint } = error;
    throw refuse("manifest", message, { place, expected, found, hint, cause: error });
  }
}

/** Reads every file the manifest names and checks all of them. Nothing is written. @throws {LoaderError} `gate-...` */
export function checkOverlayFolder(
  files: BoardFiles,
  folder: string,
  geometry: OverlayGeometry,
): CheckedOverlay {
  const manifest = readManifest(files, folder);
  passManifestGate(manifest, geometry, folder);
  const read = ({ name }: OverlayFile): Uint8Array =>
    atGate("manifest", () => files.readBytes(`${folder}/${name}`, LARGEST_FILE));
  const bit = read(manifest.bitstream);
  const bitPath = `${folder}/${manifest.bitstream.name}`;
  const header = atGate("header", () => parseBitHeader(bit));
  if (header.design !== manifest.design) {
    throw refuse("header", "The bitstream is of another design.", {
      place: `${bitPath}, field 'a'`,
      expected: manifest.design,
      found: header.design,
      hint: COPY_AGAIN,
    });
  }
  passPartGate(manifest, header, bitPath);
  checkSize(bit, manifest.bitstream, bitPath);
  checkHash(bit, manifest.bitstream, bitPath);
  const { dataOffset, dataBytes } = header;
  const data = bit.subarray(dataOffset, dataOffset + dataBytes);
  const image = atGate("byte-order", () => makeFirmwareImage(data));
  checkSize(image, manifest.firmware, `${bitPath}, bytes swapped`);
  checkHash(image, manifest.firmware, `${bitPath}, bytes swapped`);
  const dtbo = manifest.deviceTree && readChecked(folder, manifest.deviceTree, read);
  if (dtbo && manifest.deviceTree) checkDtbo(dtbo, `${folder}/${manifest.deviceTree.name}`);
  const handoff = manifest.hardwareHandoff && readHandoff(manifest, folder, read);
  const passed: PassedGate[] = [
    { gate: "manifest", found: `${manifest.geometry} at ${manifest.clock.megahertz} MHz` },
    { gate: "header", found: `${header.design}, ${header.date} ${header.time}` },
    { gate: "part", found: header.part },
    { gate: "size", found: `${bit.length} bytes` },
    { gate: "hash", found: `sha256 ${manifest.bitstream.sha256.slice(0, 16)}...` },
    { gate: "byte-order", found: "sync word aa 99 55 66, swapped for fpga_manager" },
    { gate: "handoff", found: handoff ? `${handoff.blocks.length} blocks` : "the overlay brings none" },
  ];
  return { manifest, header, image, dtbo, handoff, passed };
}

function passManifestGate(manifest: OverlayManifest, geometry: OverlayGeometry, folder: string): void {
  const place = `${folder}/manifest.json`;
  if (manifest.geometry !== geometry.id) {
    throw refuse("manifest", "The overlay's manifest is for another geometry.", {
      place: `${place}, geometry`,
      expected: geometry.id,
      found: manifest.geometry,
      hint: "Choose the overlay with --geometry, or copy the right folder.",
    });
  }
  if (manifest.overlayVersion >>> 16 !== OVERLAY_VERSION >>> 16) {
    throw refuse("manifest", "The overlay follows another version of the register contract.", {
      place: `${place}, overlayVersion`,
      expected: `${OVERLAY_VERSION >>> 16}.x`,
      found: `${manifest.overlayVersion >>> 16}.${manifest.overlayVersion & 0xffff}`,
      hint: "Use the overlay and the runtime of one release.",
    });
  }
  const outside = windowProblem(manifest.registers);
  if (outside) {
    throw refuse("manifest", "The manifest puts the registers where their port does not lead.", {
      place: `${place}, registers`,
      expected: "an address within the port's window",
      found: `0x${manifest.registers.base.toString(16)}: ${outside}`,
      hint: "Use the manifest that the build wrote; the first access would hang the CPU.",
    });
  }
  const incoherent = manifest.memory.ports.find(({ port }) => !/^S_AXI_HPC[01]_FPD$/.test(port));
  if (manifest.memory.coherent && incoherent) {
    throw refuse("manifest", "The manifest calls memory coherent that no port keeps so.", {
      place: `${place}, memory`,
      expected: "S_AXI_HPC0_FPD or S_AXI_HPC1_FPD, the ports that snoop",
      found: incoherent.port,
      hint: "Set memory.coherent to false: HP ports never see the CPU's caches.",
    });
  }
}

function passPartGate(manifest: OverlayManifest, header: BitHeader, place: string): void {
  const found = header.part.toLowerCase();
  if (found === manifest.part.toLowerCase() && found.startsWith(PART_OF_THE_BOARD)) return;
  throw refuse("part", "The bitstream is for another device.", {
    place: `${place}, field 'b'`,
    expected: found.startsWith(PART_OF_THE_BOARD)
      ? manifest.part
      : `${PART_OF_THE_BOARD}-c (the K26's XCK26)`,
    found: header.part,
    hint: "Build the overlay for the KV260's part; another device's bitstream never starts.",
  });
}

function checkSize(bytes: Uint8Array, file: OverlayFile, place: string): void {
  if (bytes.length === file.bytes) return;
  throw refuse("size", `${file.name} does not have the size its build gave it.`, {
    place,
    expected: `${file.bytes} bytes`,
    found: `${bytes.length} bytes`,
    hint: COPY_AGAIN,
  });
}

function checkHash(bytes: Uint8Array, file: OverlayFile, place: string): void {
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found === file.sha256) return;
  throw refuse("hash", `${file.name} is not the file its build made.`, {
    place,
    expected: `sha256 ${file.sha256}`,
    found: `sha256 ${found}`,
    hint: COPY_AGAIN,
  });
}

function readChecked(folder: string, file: OverlayFile, read: (file: OverlayFile) => Uint8Array): Uint8Array {
  const bytes = read(file);
  const place = `${folder}/${file.name}`;
  checkSize(bytes, file, place);
  checkHash(bytes, file, place);
  return bytes;
}

/** The manifest was written from the design; where the design says otherwise, one of them is of another build. */
function readHandoff(
  manifest: OverlayManifest,
  folder: string,
  read: (file: OverlayFile) => Uint8Array,
): HardwareHandoff {
  const file = manifest.hardwareHandoff!;
  const place = `${folder}/${file.name}`;
  const bytes = readChecked(folder, file, read);
  const handoff = atGate("handoff", () => parseHardwareHandoff(new TextDecoder().decode(bytes)));
  const disagree = (what: string, expected: string, found: string) =>
    refuse("handoff", `Manifest and hardware handoff disagree about the ${what}.`, {
      place,
      expected: `${expected} (manifest)`,
      found: `${found} (handoff)`,
      hint: "Use manifest, bitstream and handoff of one build.",
    });
  const device = `${handoff.device}-${handoff.package}`.toLowerCase();
  if (!manifest.part.toLowerCase().startsWith(device)) throw disagree("device", manifest.part, device);
  const { base, bytes: span, port } = manifest.registers;
  const range = handoff.addresses.find((candidate) => candidate.base === base && candidate.master === port);
  if (!range || range.bytes < span) {
    const found = handoff.addresses.map(({ instance, base: at }) => `${instance} at 0x${at.toString(16)}`);
    throw disagree("registers' address", `0x${base.toString(16)} on ${port}`, found.join(", ") || "none");
  }
  for (const { port: name, widthBits } of [manifest.registers, ...manifest.memory.ports]) {
    const width = handoff.portWidths[name];
    if (width !== widthBits) {
      throw disagree(`width of ${name}`, `${widthBits} bits`, width ? `${width} bits` : "unused");
    }
  }
  const clock = handoff.plClocks[manifest.clock.pl];
  if (clock === undefined || Math.abs(clock - manifest.clock.megahertz) > 0.01 * manifest.clock.megahertz) {
    throw disagree(
      `clock PL${manifest.clock.pl}`,
      `${manifest.clock.megahertz} MHz`,
      clock === undefined ? "unused" : `${clock} MHz`,
    );
  }
  return handoff;
}
