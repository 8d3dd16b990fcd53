/**
 * Programming through /sys/class/fpga_manager. The kernel keeps `flags` from the last user; with stale flags every load
 * fails while the old design stays and `state` still says "operating". So flags are written and read back each time,
 * and neither `state` nor a clean write is believed without the kernel log.
 */
import { basename } from "node:path";
import { LoaderError } from "@sluice/sdk/errors.js";
import type { BoardFiles } from "../board-files/index.js";
import { refuse } from "./gates.js";
import { excerpt, excerptSince, recordsSince } from "./kernel-log.js";

export const FPGA_MANAGER = "/sys/class/fpga_manager/fpga0";
export const FIRMWARE_FOLDER = "/lib/firmware";
const FULL_BITSTREAM = 0;
const FAILURE =
  /\b(error|fail(ed|ure)?|timed? ?out|invalid|unable|denied|bad)\b|returned with value -?[1-9]/i;
/** What the kernel says whenever an overlay with firmware-name comes or goes; it means nothing. */
const NORMAL = /^OF: .*memory leak/;
const ABOUT_PROGRAMMING = /fpga|zynqmp|pcap|firmware|dfx/i;

/** Writes "full bitstream" and sees that it stays. */
export function passFlagsGate(files: BoardFiles): string {
  const path = `${FPGA_MANAGER}/flags`;
  const before = files.readText(path);
  files.write(path, `${FULL_BITSTREAM}`);
  const after = files.readText(path);
  if (Number(after) !== FULL_BITSTREAM) {
    throw refuse("flags", "fpga_manager does not take the flags of a full bitstream.", {
      place: path,
      expected: String(FULL_BITSTREAM),
      found: after,
      hint: "Unload what holds the fabric (`sudo xmutil unloadapp`), or restart the board.",
      details: { before },
    });
  }
  return `${after} (was ${before})`;
}

/** Puts the image where the kernel looks for firmware and returns the name to give it. */
export function placeFirmware(files: BoardFiles, name: string, image: Uint8Array): string {
  files.place(`${FIRMWARE_FOLDER}/${name}`, image);
  return name;
}

/** @param name of a file in /lib/firmware */
export function program(files: BoardFiles, name: string, mark: number): void {
  const path = `${FPGA_MANAGER}/firmware`;
  try {
    files.write(path, name);
  } catch (error) {
    if (!(error instanceof LoaderError)) throw error;
    throw refuse("program", "The kernel refused the bitstream.", {
      place: path,
      expected: `the fabric programmed with ${name}`,
      found: error.found,
      hint: firmwareHint(error.found),
      details: { kernelLog: excerptSince(files, mark) },
      cause: error,
    });
  }
}

export function passStateGate(files: BoardFiles, mark: number): string {
  const path = `${FPGA_MANAGER}/state`;
  const state = files.readText(path);
  if (state === "operating") return state;
  throw refuse("state", "The fabric is not operating after the load.", {
    place: path,
    expected: "operating",
    found: state,
    hint: "The kernel log in the details names the step that failed; load again, or restart the board.",
    details: { kernelLog: excerptSince(files, mark) },
  });
}

/**
 * @param name the firmware whose writing the log must mention; undefined where the loader of the vendor's tools is at
 *   work, whose success leaves no line
 */
export function passLogGate(files: BoardFiles, mark: number, name: string | undefined): string {
  const records = recordsSince(files, mark);
  const failure = records.find(
    ({ message }) => ABOUT_PROGRAMMING.test(message) && FAILURE.test(message) && !NORMAL.test(message),
  )?.message;
  if (failure !== undefined) {
    throw refuse("log", "The kernel log reports that the load failed, whatever `state` says.", {
      place: "kernel log since the load began",
      expected: "no error of fpga_manager",
      found: failure,
      hint: firmwareHint(failure),
      details: { kernelLog: excerpt(records) },
    });
  }
  if (name === undefined) return `${records.length} records, no error`;
  const writing = records.find(
    ({ message }) => /\bwriting\b/i.test(message) && message.includes(basename(name)),
  )?.message;
  if (writing === undefined) {
    throw refuse("log", "The kernel log does not say that this bitstream was written.", {
      place: "kernel log since the load began",
      expected: `a record that ${name} was written to fpga0`,
      found: `${records.length} records, none about it`,
      hint: "The old design may still be in the fabric. Restart the board and load again.",
      details: { kernelLog: excerpt(records) },
    });
  }
  return writing;
}

function firmwareHint(found: string | undefined): string {
  if (found && /ENOENT|-2\b/.test(found))
    return "The firmware file is missing below /lib/firmware: load again.";
  if (found && /EBUSY|-16\b/.test(found)) {
    return "Something holds the fabric: `sudo xmutil unloadapp`, then load again.";
  }
  if (found && /ETIMEDOUT|-110\b/.test(found)) return "Restart the board; the PCAP did not answer.";
  return "Check that the bitstream was built for this part and is complete; then load again.";
}
