/**
 * u-dma-buf: contiguous memory with cache maintenance on request. The device node is mapped cached (no O_SYNC);
 * `sync_for_device` and `sync_for_cpu` take the stretch in one 64-bit word: offset << 32 | size | direction << 2 | 1,
 * sizes in multiples of 16.
 */
import { closeSync, constants, writeSync } from "node:fs";
import { DeviceError } from "@sluice/sdk/errors.js";
import type { BoardFiles } from "../board-files/index.js";
import { mapShared, PAGE_BYTES } from "../board-files/native.js";
import type { ContiguousArena } from "./arena.js";

const CLASSES = ["/sys/class/u-dma-buf", "/sys/class/udmabuf"];
const BIDIRECTIONAL = 0;

export interface UdmabufNode {
  readonly name: string;
  /** Its directory in sysfs. */
  readonly folder: string;
  readonly path: string;
  readonly address: number;
  readonly bytes: number;
  readonly coherent: boolean;
}

export function listUdmabufs(files: BoardFiles): UdmabufNode[] {
  return CLASSES.flatMap((folder) => files.list(folder).map((name) => readNode(files, folder, name)));
}

function readNode(files: BoardFiles, parent: string, name: string): UdmabufNode {
  const folder = `${parent}/${name}`;
  const coherent = `${folder}/dma_coherent`;
  return {
    name,
    folder,
    path: `/dev/${name}`,
    address: Number(files.readText(`${folder}/phys_addr`)),
    bytes: Number(files.readText(`${folder}/size`)),
    coherent: files.exists(coherent) && files.readText(coherent) === "1",
  };
}

/** @throws {DeviceError} `bad-udmabuf`; {LoaderError} for nodes that cannot be opened or mapped */
export function openUdmabuf(files: BoardFiles, node: UdmabufNode): ContiguousArena {
  const { path, folder, address, bytes } = node;
  if (!Number.isSafeInteger(address) || !Number.isSafeInteger(bytes) || bytes <= 0 || bytes % PAGE_BYTES) {
    throw new DeviceError("bad-udmabuf", "u-dma-buf describes memory that cannot be.", {
      place: folder,
      expected: "phys_addr, and a size in whole pages",
      found: `phys_addr ${address}, size ${bytes}`,
      hint: "Load the module again: `sudo modprobe -r u-dma-buf; sudo modprobe u-dma-buf udmabuf0=268435456`.",
    });
  }
  const forDevice = files.open(`${folder}/sync_for_device`, constants.O_WRONLY);
  let forCpu: number | undefined;
  try {
    forCpu = files.open(`${folder}/sync_for_cpu`, constants.O_WRONLY);
    const descriptor = files.open(path, constants.O_RDWR);
    try {
      const size = files.sizeOf(descriptor);
      if (size !== undefined && size < bytes) {
        throw new DeviceError("bad-udmabuf", "The u-dma-buf node is smaller than it says.", {
          place: path,
          expected: `${bytes} bytes`,
          found: `${size} bytes`,
        });
      }
      const mapping = mapShared(descriptor, bytes, 0, path);
      const sync = (to: number, offset: number, length: number): void => {
        const word = (BigInt(offset) << 32n) | BigInt(length | (BIDIRECTIONAL << 2) | 1);
        writeSync(to, `0x${word.toString(16).padStart(16, "0")}`, 0);
      };
      const descriptors = [forDevice, forCpu] as const;
      return {
        kind: "u-dma-buf",
        place: path,
        address,
        bytes: new Uint8Array(mapping.buffer),
        coherent: node.coherent,
        syncForDevice: (offset, length) => sync(descriptors[0], offset, length),
        syncForCpu: (offset, length) => sync(descriptors[1], offset, length),
        close() {
          mapping.blank();
          for (const open of descriptors) closeSync(open);
        },
      };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    closeSync(forDevice);
    if (forCpu !== undefined) closeSync(forCpu);
    throw error;
  }
}
