/** Device-tree overlays through configfs: they bring the UIO node of the interrupt and may program the fabric. */
import { LoaderError } from "@sluice/sdk/errors.js";
import type { BoardFiles } from "../board-files/index.js";
import { refuse } from "./gates.js";
import { excerptSince } from "./kernel-log.js";

export const CONFIGFS_OVERLAYS = "/sys/kernel/config/device-tree/overlays";
const DTB_MAGIC = 0xd00d_feed;

/** A flattened device tree begins with its magic number and its own size. @throws {LoaderError} `gate-device-tree` */
export function checkDtbo(bytes: Uint8Array, place: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.length >= 8 ? view.getUint32(0) : undefined;
  if (magic === DTB_MAGIC && view.getUint32(4) === bytes.length) return;
  throw refuse("device-tree", "The device-tree overlay is not a compiled device tree.", {
    place,
    expected: `magic 0x${DTB_MAGIC.toString(16)} and a total size of ${bytes.length} bytes`,
    found: magic === undefined ? `${bytes.length} bytes` : `magic 0x${magic.toString(16)}`,
    hint: "Compile it with `dtc -@ -I dts -O dtb`, and copy it in binary mode.",
  });
}

export function isApplied(files: BoardFiles, name: string): boolean {
  return files.exists(`${CONFIGFS_OVERLAYS}/${name}`);
}

/** @returns the overlay's status, "applied" */
export function applyOverlay(files: BoardFiles, name: string, dtbo: Uint8Array, mark: number): string {
  if (!files.exists(CONFIGFS_OVERLAYS)) {
    throw refuse("device-tree", "This kernel takes no device-tree overlays at run time.", {
      place: CONFIGFS_OVERLAYS,
      expected: "a configfs directory",
      found: "none",
      hint: "Type `sudo mount -t configfs none /sys/kernel/config`; the kernel needs CONFIG_OF_CONFIGFS.",
    });
  }
  const folder = `${CONFIGFS_OVERLAYS}/${name}`;
  files.makeDirectory(folder);
  try {
    files.write(`${folder}/dtbo`, dtbo);
    const status = files.readText(`${folder}/status`);
    if (status === "applied") return status;
    throw refuse("device-tree", "The kernel did not apply the device-tree overlay.", {
      place: `${folder}/status`,
      expected: "applied",
      found: status,
      hint: "The kernel log in the details names the node it stumbled over.",
      details: { kernelLog: excerptSince(files, mark) },
    });
  } catch (error) {
    removeOverlay(files, name);
    if (!(error instanceof LoaderError) || error.code === "gate-device-tree") throw error;
    throw refuse("device-tree", "The kernel refused the device-tree overlay.", {
      place: error.place,
      expected: "an overlay this kernel can apply",
      found: error.found,
      hint: "The kernel log in the details names the node it stumbled over.",
      details: { kernelLog: excerptSince(files, mark) },
      cause: error,
    });
  }
}

/** Harmless when it is not there. The kernel's warning about a leak on removal is normal. */
export function removeOverlay(files: BoardFiles, name: string): void {
  if (isApplied(files, name)) files.removeDirectory(`${CONFIGFS_OVERLAYS}/${name}`);
}
