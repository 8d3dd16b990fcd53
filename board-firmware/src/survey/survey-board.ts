/**
 * Walks what is claimed about a KV260 (docs/kv260.md) on the machine at hand. Nothing is written, and no register of the
 * overlay is read: only a load that passed its gates may do that.
 */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { type BoardFiles, DevMem, type PhysicalMemory } from "../board-files/index.js";
import { passBoardGate } from "../loader/board-model.js";
import { differs, holds, look, type SurveyFinding, unseen } from "./finding.js";
import { surveyLoading } from "./survey-loading.js";
import { surveyMemory } from "./survey-memory.js";
import { surveyRegisters } from "./survey-registers.js";
import { surveySensors } from "./survey-sensors.js";

export interface SurveyOptions {
  /** Registers of the processing system. Default /dev/mem. */
  readonly memory?: PhysicalMemory;
  /** How long the power sensor is watched, in milliseconds. Default 1,500. */
  readonly watchMs?: number;
}

const CORTEX_A53 = "0xd03";
const ELSEWHERE = "run `sluice-board doctor` on the board itself";
/** Facts that only a board can show, in the order of the survey. */
export const boardFacts = [
  "Processor",
  "Linux and kernel",
  "Node on arm64",
  "fpga_manager",
  "fpga_manager flags",
  "Kernel log",
  "Firmware folder",
  "Device-tree overlays",
  "Device-tree label fpga_full",
  "xmutil / dfx-mgr",
  "Overlay files",
  "Register window",
  "AXI port widths",
  "PL clock",
  "DDR size",
  "DDR map",
  "CMA",
  "u-dma-buf",
  "dma-heap",
  "Cache maintenance",
  "Read speed of contiguous memory",
  "UIO boot argument",
  "UIO node of the overlay",
  "Power (INA260)",
  "Pace of the power sensor",
  "Temperatures",
  "Serial console",
  "Overlay ID and VERSION",
] as const;

export async function surveyBoard(
  files: BoardFiles,
  geometry: OverlayGeometry,
  options: SurveyOptions = {},
): Promise<SurveyFinding[]> {
  const model = "Kria K26 on a KV260";
  const board = look(model, () => holds(model, passBoardGate(files)));
  if (board.verdict !== "holds") {
    // Anywhere else /dev/mem is some other machine's: not one address of it is touched.
    const rest = boardFacts.map((fact) => unseen(fact, "cannot be seen from here", ELSEWHERE));
    return [board, ...rest];
  }
  const memory = options.memory ?? new DevMem(files);
  return [
    board,
    surveyProcessor(files),
    surveyLinux(files),
    surveyNode(),
    ...surveyLoading(files, geometry),
    ...surveyRegisters(files, geometry, memory),
    ...surveyMemory(files, geometry),
    ...(await surveySensors(files, options.watchMs)),
    surveyConsole(files),
    unseen(
      "Overlay ID and VERSION",
      "not read here: an access to a fabric that did not pass the gates can hang the CPU",
      "sudo systemctl restart sluice-board, then journalctl -u sluice-board",
    ),
  ];
}

function surveyProcessor(files: BoardFiles): SurveyFinding {
  const fact = "Processor";
  return look(fact, () => {
    const parts = [...files.readText("/proc/cpuinfo").matchAll(/^CPU part\s*: (0x[0-9a-f]+)$/gm)].map(
      ([, part]) => part,
    );
    const cores = parts.filter((part) => part === CORTEX_A53).length;
    if (cores === 4 && parts.length === 4) return holds(fact, "4 x Cortex-A53");
    const found = parts.length === 0 ? "none named" : parts.join(", ");
    return differs(
      fact,
      found,
      "restart the board; cores that stay away are in the kernel log: dmesg | grep -i cpu",
    );
  });
}

function surveyLinux(files: BoardFiles): SurveyFinding {
  const fact = "Linux and kernel";
  return look(fact, () => {
    const kernel = files.readText("/proc/sys/kernel/osrelease");
    const release = files.exists("/etc/os-release") ? files.readText("/etc/os-release") : "";
    const name = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? "unnamed";
    const found = `${name}, kernel ${kernel}`;
    const known = /Ubuntu 2[24]\.04|PetaLinux/i.test(name);
    return known ? holds(fact, found) : differs(fact, found, "use Ubuntu 22.04 or 24.04, or PetaLinux");
  });
}

function surveyNode(): SurveyFinding {
  const fact = "Node on arm64";
  const found = `${process.versions.node} ${process.arch}`;
  const right = process.arch === "arm64" && Number(process.versions.node.split(".")[0]) >= 20;
  return right
    ? holds(fact, found)
    : differs(fact, found, "use the Node of the release archive (linux-arm64)");
}

function surveyConsole(files: BoardFiles): SurveyFinding {
  const fact = "Serial console";
  return look(fact, () => {
    const ends = files
      .list("/dev/serial/by-id")
      .filter((name) => /Xilinx_ML_Carrier_Card_.*-if01/.test(name));
    if (ends.length > 0) return holds(fact, ends.join(", "));
    return unseen(
      fact,
      "its USB end is on the host",
      "on the host: ls /dev/serial/by-id/usb-Xilinx_ML_Carrier_Card_*-if01-port0",
    );
  });
}
