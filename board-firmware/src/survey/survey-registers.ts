/** Clocks and port widths as the processing system's registers have them, against what the overlay wants. */
import { SluiceError } from "@sluice/sdk/errors.js";
import type { OverlayGeometry, OverlayManifest } from "@sluice/sdk/overlay";
import type { BoardFiles, PhysicalMemory } from "../board-files/index.js";
import { readPortWidth } from "../loader/axi-ports.js";
import { hex } from "../loader/gates.js";
import { OVERLAYS_FOLDER, readManifest } from "../loader/overlay-folder.js";
import { chooseDivisors, readPlClock } from "../loader/pl-clock.js";
import { windowProblem } from "../loader/register-windows.js";
import { differs, holds, look, type SurveyFinding, unseen } from "./finding.js";
import { systemRam } from "./system-ram.js";

/** The overlay's own wishes, where it is installed; a bad manifest is reported with the overlay's files. */
export function installedManifest(files: BoardFiles, geometry: OverlayGeometry): OverlayManifest | undefined {
  try {
    return readManifest(files, `${OVERLAYS_FOLDER}/${geometry.id}`);
  } catch (error) {
    if (error instanceof SluiceError) return undefined;
    throw error;
  }
}

const LOAD = "nothing to do: the runtime sets it whenever it loads the overlay";

export function surveyRegisters(
  files: BoardFiles,
  geometry: OverlayGeometry,
  memory: PhysicalMemory,
): SurveyFinding[] {
  const manifest = installedManifest(files, geometry);
  return [registerWindow(files, manifest), portWidths(memory, manifest), plClock(memory, geometry, manifest)];
}

function registerWindow(files: BoardFiles, manifest: OverlayManifest | undefined): SurveyFinding {
  const fact = "Register window";
  return look(fact, () => {
    if (manifest === undefined) return unseen(fact, "no overlay is installed", "install the overlay first");
    const { port, base, bytes } = manifest.registers;
    const found = `${port}, ${hex(base)} to ${hex(base + bytes - 1)}`;
    const outside = windowProblem(manifest.registers);
    if (outside) return differs(fact, `${found}: ${outside}`, "use the manifest of the build");
    const inRam = systemRam(files).some(({ start, end }) => base <= end && base + bytes > start);
    return inRam
      ? differs(fact, `${found}: the kernel takes it for memory`, "report this")
      : holds(fact, found);
  });
}

function portWidths(memory: PhysicalMemory, manifest: OverlayManifest | undefined): SurveyFinding {
  const fact = "AXI port widths";
  return look(fact, () => {
    const wanted = manifest
      ? [manifest.registers, ...manifest.memory.ports]
      : [{ port: "M_AXI_HPM0_FPD" as const, widthBits: undefined }];
    const widths = wanted.map((entry) => ({ ...entry, now: readPortWidth(memory, entry.port) }));
    const found = widths.map(({ port, now }) => `${port} ${now ?? "undefined"} bits`).join(", ");
    const wrong = widths.filter(({ widthBits, now }) => widthBits !== undefined && widthBits !== now);
    if (wrong.length === 0) return holds(fact, found);
    const wishes = wrong.map(({ port, widthBits }) => `${port} ${widthBits}`).join(", ");
    return differs(fact, `${found}; the overlay wants ${wishes}`, LOAD);
  });
}

function plClock(
  memory: PhysicalMemory,
  geometry: OverlayGeometry,
  manifest: OverlayManifest | undefined,
): SurveyFinding {
  const fact = "PL clock";
  return look(fact, () => {
    const wanted = manifest?.clock ?? {
      pl: 0,
      megahertz: geometry.clockMHz,
      leastMegahertz: 0.95 * geometry.clockMHz,
    };
    const { megahertz, source, sourceMegahertz } = readPlClock(memory, wanted.pl);
    const now = `PL${wanted.pl} ${megahertz.toFixed(3)} MHz from ${source} ${sourceMegahertz.toFixed(3)} MHz`;
    if (megahertz >= wanted.leastMegahertz && megahertz <= wanted.megahertz * (1 + 1e-6)) {
      return holds(fact, now);
    }
    const divisors = chooseDivisors(sourceMegahertz, wanted.megahertz);
    const reach = divisors ? (sourceMegahertz / (divisors[0] * divisors[1])).toFixed(3) : "nothing";
    return differs(fact, `${now}; wanted ${wanted.megahertz} MHz, reachable ${reach}`, LOAD);
  });
}
