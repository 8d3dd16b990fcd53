/** DDR, contiguous memory and interrupts: what the overlay works with. */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { type BoardFiles, findUio } from "../board-files/index.js";
import { findHeap, listUdmabufs, openUdmabuf } from "../memory/index.js";
import { memoryLeft } from "../telemetry/memory-left.js";
import { differs, holds, look, type SurveyFinding, unseen } from "./finding.js";
import { installedManifest } from "./survey-registers.js";
import { systemRam } from "./system-ram.js";

const MEBIBYTE = 2 ** 20;
const LOW_DDR_END = 0x8000_0000;
const UIO_ARGUMENT = "uio_pdrv_genirq.of_id=generic-uio";
const READ_BYTES = 8 * MEBIBYTE;
const READ_PASSES = 8;
/** MB/s, between what uncached (about 250) and cached memory (about 800) give. */
const LEAST_CACHED_RATE = 450;
const ENOUGH_CMA = 256 * MEBIBYTE;

export function surveyMemory(files: BoardFiles, geometry: OverlayGeometry): SurveyFinding[] {
  return [
    ddrSize(files),
    ddrMap(files),
    contiguousArea(files),
    udmabuf(files, geometry),
    dmaHeap(files),
    cacheMaintenance(files),
    readSpeed(files),
    bootArgument(files),
    uioNode(files, geometry),
  ];
}

function ddrSize(files: BoardFiles): SurveyFinding {
  const fact = "DDR size";
  return look(fact, () => {
    const kilobytes = /^MemTotal:\s+(\d+) kB$/m.exec(files.readText("/proc/meminfo"))?.[1];
    if (kilobytes === undefined) return unseen(fact, "/proc/meminfo does not list it", "free -m");
    const mebibytes = Number(kilobytes) / 1024;
    const found = `${mebibytes.toFixed(0)} MiB for Linux`;
    // 4 GB, less what firmware and kernel keep.
    const right = mebibytes > 3_584 && mebibytes <= 4_096;
    return right
      ? holds(fact, found)
      : differs(fact, found, "give the kernel all 4 GB: look for mem= in /proc/cmdline");
  });
}

function ddrMap(files: BoardFiles): SurveyFinding {
  const fact = "DDR map";
  return look(fact, () => {
    const ranges = systemRam(files);
    const found = ranges.map(({ start, end }) => `0x${start.toString(16)}-0x${end.toString(16)}`).join(", ");
    if (ranges.every(({ end }) => end === 0)) {
      return unseen(fact, "the kernel shows addresses to root only", "sudo sluice-board doctor");
    }
    const inside = ranges.every(({ start, end }) => {
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

/** Memory that is mapped uncached reads at a third of the pace: the runtime would be right, and slow. */
function readSpeed(files: BoardFiles): SurveyFinding {
  const fact = "Read speed of contiguous memory";
  return look(fact, () => {
    const [node] = listUdmabufs(files).sort((a, b) => b.bytes - a.bytes);
    if (node === undefined) return unseen(fact, "no u-dma-buf to read", "sudo modprobe u-dma-buf");
    const arena = openUdmabuf(files, node);
    try {
      const copy = new Uint8Array(Math.min(READ_BYTES, arena.bytes.length));
      // The first pass only maps pages, and others may be disturbed: the fastest counts.
      const passes = Array.from({ length: READ_PASSES }, () => {
        const started = performance.now();
        copy.set(arena.bytes.subarray(0, copy.length));
        return performance.now() - started;
      });
      const rate = copy.length / 1e3 / Math.min(...passes);
      const found = `${node.path}: ${rate.toFixed(0)} MB/s`;
      return rate >= LEAST_CACHED_RATE
        ? holds(fact, found)
        : differs(
            fact,
            `${found}: as slow as uncached memory`,
            "sudo modprobe -r u-dma-buf; sudo modprobe u-dma-buf udmabuf0=268435456",
          );
    } finally {
      arena.close();
    }
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
      : unseen(fact, `none is "${name}" while no overlay is loaded`, "sudo systemctl restart sluice-board");
  });
}
