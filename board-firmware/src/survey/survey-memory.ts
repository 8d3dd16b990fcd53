/** DDR, contiguous memory and interrupts: what the overlay works with. */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { type BoardFiles, findUio } from "../board-files/index.js";
import { findHeap, listUdmabufs } from "../memory/index.js";
import { memoryLeft } from "../telemetry/memory-left.js";
import { differs, holds, look, type SurveyFinding, unseen } from "./finding.js";
import { installedManifest } from "./survey-registers.js";

const MEBIBYTE = 2 ** 20;
const LOW_DDR_END = 0x8000_0000;
const UIO_ARGUMENT = "uio_pdrv_genirq.of_id=generic-uio";
const ENOUGH_CMA = 256 * MEBIBYTE;

export function surveyMemory(files: BoardFiles, geometry: OverlayGeometry): SurveyFinding[] {
  return [
    ddrMap(files),
    contiguousArea(files),
    udmabuf(files, geometry),
    dmaHeap(files),
    cacheMaintenance(files),
    bootArgument(files),
    uioNode(files, geometry),
  ];
}

function ddrMap(files: BoardFiles): SurveyFinding {
  const fact = "DDR map";
  return look(fact, () => {
    const ranges = [...files.readText("/proc/iomem").matchAll(/^([0-9a-f]+)-([0-9a-f]+) : System RAM$/gm)];
    const found = ranges.map(([, from, to]) => `0x${from}-0x${to}`).join(", ");
    if (ranges.every(([, , to]) => /^0+$/.test(to))) {
      return unseen(fact, "the kernel shows addresses to root only", "sudo sluice doctor --board kv260");
    }
    const inside = ranges.every(([, from, to]) => {
      const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
      return end < LOW_DDR_END || (start >= 0x8_0000_0000 && end < 0x8_8000_0000);
    });
    return inside
      ? holds(fact, found)
      : differs(fact, found, "report this: the address checks assume otherwise");
  });
}

function contiguousArea(files: BoardFiles): SurveyFinding {
  const fact = "CMA";
  return look(fact, () => {
    const { cmaFreeBytes, cmaTotalBytes } = memoryLeft(files);
    if (cmaFreeBytes === undefined || cmaTotalBytes === undefined) {
      return unseen(fact, "/proc/meminfo does not list it", "grep Cma /proc/meminfo");
    }
    const found = `${(cmaFreeBytes / MEBIBYTE).toFixed(0)} of ${(cmaTotalBytes / MEBIBYTE).toFixed(0)} MiB free`;
    const taken = listUdmabufs(files).length > 0;
    if (cmaFreeBytes >= ENOUGH_CMA || taken) return holds(fact, found);
    return differs(fact, found, "add cma=512M to the kernel's boot arguments and restart");
  });
}

function udmabuf(files: BoardFiles, geometry: OverlayGeometry): SurveyFinding {
  const fact = "u-dma-buf";
  return look(fact, () => {
    const nodes = listUdmabufs(files);
    if (nodes.length === 0) {
      return differs(fact, "no /dev/udmabuf*", "sudo modprobe u-dma-buf udmabuf0=268435456");
    }
    const found = nodes
      .map(({ path, bytes, address }) => `${path} ${bytes / MEBIBYTE} MiB at 0x${address.toString(16)}`)
      .join(", ");
    const addressBits = installedManifest(files, geometry)?.memory.addressBits ?? 32;
    const reached = nodes.some(({ address, bytes }) => addressBits > 32 || address + bytes <= LOW_DDR_END);
    return reached
      ? holds(fact, found)
      : differs(fact, `${found}: above the 2 GB a 32-bit DMA sees`, "boot with cma=512M@0x40000000");
  });
}

function dmaHeap(files: BoardFiles): SurveyFinding {
  const fact = "dma-heap";
  const heap = findHeap(files);
  return heap
    ? holds(fact, `${heap}; of use with coherent ports only`)
    : unseen(fact, "no contiguous heap; u-dma-buf does without", "");
}

function cacheMaintenance(files: BoardFiles): SurveyFinding {
  const fact = "Cache maintenance";
  return look(fact, () => {
    const nodes = listUdmabufs(files);
    if (nodes.length === 0) return unseen(fact, "no u-dma-buf to ask", "sudo modprobe u-dma-buf");
    const without = nodes.filter(
      ({ folder }) => !files.exists(`${folder}/sync_for_cpu`) || !files.exists(`${folder}/sync_for_device`),
    );
    if (without.length > 0) {
      return differs(fact, `${without[0].name} has no sync_for_cpu`, "install u-dma-buf 4.0 or newer");
    }
    const coherent = nodes.filter((node) => node.coherent).map(({ name }) => name);
    return coherent.length === 0
      ? holds(fact, "sync_for_cpu and sync_for_device, not coherent")
      : holds(fact, `${coherent.join(", ")} coherent: for overlays on HPC ports only`);
  });
}

function bootArgument(files: BoardFiles): SurveyFinding {
  const fact = "UIO boot argument";
  return look(fact, () => {
    const given = files.readText("/proc/cmdline").split(/\s+/).includes(UIO_ARGUMENT);
    return given
      ? holds(fact, UIO_ARGUMENT)
      : differs(fact, "missing", `add ${UIO_ARGUMENT} to the kernel's boot arguments and restart`);
  });
}

function uioNode(files: BoardFiles, geometry: OverlayGeometry): SurveyFinding {
  const fact = "UIO node of the overlay";
  return look(fact, () => {
    const name = installedManifest(files, geometry)?.interrupt.uio ?? "sluice";
    const node = findUio(files, name);
    return node
      ? holds(fact, `${node.path} is "${name}"`)
      : unseen(fact, `none is "${name}" while no overlay is loaded`, "sluice board --device kv260");
  });
}
