/** The kernel's log from /dev/kmsg: records "priority,sequence,microseconds,flags;message". */
import type { BoardFiles } from "../board-files/index.js";

export interface KernelRecord {
  readonly sequence: number;
  readonly microseconds: number;
  readonly message: string;
}

const KMSG = "/dev/kmsg";
const EXCERPT_LINES = 12;
const ABOUT_THE_FABRIC = /fpga|zynqmp|xlnx|xilinx|dfx|firmware|overlay|OF:|clk|uio|udmabuf|u-dma-buf|cma/i;

/** @throws {LoaderError} `permission-denied`, `no-such-node` */
export function readKernelLog(files: BoardFiles): KernelRecord[] {
  return files
    .drain(KMSG)
    .split("\n")
    .flatMap((line) => {
      const match = /^(\d+),(\d+),(\d+),[^;]*;(.*)$/.exec(line);
      if (!match) return []; // continuation lines (" SUBSYSTEM=...") and cut records
      return [{ sequence: Number(match[2]), microseconds: Number(match[3]), message: match[4] }];
    });
}

/** A mark to ask from later on: the sequence number of the newest record. */
export function newestRecord(files: BoardFiles): number {
  return readKernelLog(files).at(-1)?.sequence ?? -1;
}

export function recordsSince(files: BoardFiles, mark: number): KernelRecord[] {
  return readKernelLog(files).filter(({ sequence }) => sequence > mark);
}

/** The last records about the fabric, as lines with seconds; for errors. */
export function excerpt(records: readonly KernelRecord[]): string[] {
  return records
    .filter(({ message }) => ABOUT_THE_FABRIC.test(message))
    .slice(-EXCERPT_LINES)
    .map(({ microseconds, message }) => `[${(microseconds / 1e6).toFixed(6)}] ${message}`);
}

/** The excerpt since a mark; says so when the log cannot be read, because it must not hide the error it goes with. */
export function excerptSince(files: BoardFiles, mark: number): string[] {
  try {
    return excerpt(recordsSince(files, mark));
  } catch (error) {
    return [`(the kernel log cannot be read: ${error instanceof Error ? error.message : String(error)})`];
  }
}
