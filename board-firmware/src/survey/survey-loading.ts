/** What loading a bitstream needs: fpga_manager, the kernel's log, configfs, the overlay's files. */
import { accessSync, constants } from "node:fs";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import type { BoardFiles } from "../board-files/index.js";
import { CONFIGFS_OVERLAYS } from "../loader/device-tree-overlay.js";
import { findXmutil } from "../loader/dfx-manager.js";
import { FIRMWARE_FOLDER, FPGA_MANAGER } from "../loader/fpga-manager.js";
import { readKernelLog } from "../loader/kernel-log.js";
import { checkOverlayFolder, OVERLAYS_FOLDER } from "../loader/overlay-folder.js";
import { differs, holds, look, type SurveyFinding, unseen } from "./finding.js";

const SYMBOLS = "/proc/device-tree/__symbols__";

export function surveyLoading(files: BoardFiles, geometry: OverlayGeometry): SurveyFinding[] {
  return [
    manager(files),
    flags(files),
    kernelLog(files),
    firmwareFolder(files),
    deviceTreeOverlays(files),
    fpgaFullLabel(files),
    xmutil(files),
    overlayFiles(files, geometry),
  ];
}

function manager(files: BoardFiles): SurveyFinding {
  const fact = "fpga_manager";
  return look(fact, () => {
    const state = files.readText(`${FPGA_MANAGER}/state`);
    const found = `${files.readText(`${FPGA_MANAGER}/name`)}, state ${state}`;
    return /^(operating|unknown|power (on|off)|reset)$/.test(state)
      ? holds(fact, found)
      : differs(fact, found, "restart the board, then load the overlay again");
  });
}

function flags(files: BoardFiles): SurveyFinding {
  const fact = "fpga_manager flags";
  return look(fact, () => {
    const value = files.readText(`${FPGA_MANAGER}/flags`);
    if (Number(value) === 0) return holds(fact, "0, full bitstream");
    return differs(
      fact,
      `${value}: stale; other tools' loads fail while state says operating`,
      `echo 0 | sudo tee ${FPGA_MANAGER}/flags (the runtime does so itself)`,
    );
  });
}

function kernelLog(files: BoardFiles): SurveyFinding {
  const fact = "Kernel log";
  return look(fact, () => holds(fact, `readable, ${readKernelLog(files).length} records`));
}

function writable(files: BoardFiles, path: string): boolean {
  try {
    accessSync(files.locate(path), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function firmwareFolder(files: BoardFiles): SurveyFinding {
  const fact = "Firmware folder";
  if (!files.exists(FIRMWARE_FOLDER)) {
    return differs(fact, `no ${FIRMWARE_FOLDER}`, `sudo mkdir -p ${FIRMWARE_FOLDER}`);
  }
  return writable(files, FIRMWARE_FOLDER)
    ? holds(fact, `${FIRMWARE_FOLDER} is writable`)
    : differs(fact, `${FIRMWARE_FOLDER} is not writable`, "run the runtime as root or by its systemd unit");
}

function deviceTreeOverlays(files: BoardFiles): SurveyFinding {
  const fact = "Device-tree overlays";
  return look(fact, () => {
    if (!files.exists(CONFIGFS_OVERLAYS)) {
      return differs(fact, `no ${CONFIGFS_OVERLAYS}`, "sudo mount -t configfs none /sys/kernel/config");
    }
    const applied = files.list(CONFIGFS_OVERLAYS);
    return holds(fact, applied.length > 0 ? `applied: ${applied.join(", ")}` : "none applied");
  });
}

/** Overlays name their target by its label, which the kernel finds only in a tree that was compiled with labels. */
function fpgaFullLabel(files: BoardFiles): SurveyFinding {
  const fact = "Device-tree label fpga_full";
  return look(fact, () => {
    const path = `${SYMBOLS}/fpga_full`;
    if (files.exists(path)) return holds(fact, files.readText(path));
    const found = files.exists(SYMBOLS)
      ? "no such label"
      : "the boot device tree has no labels (__symbols__)";
    return differs(fact, found, "boot the vendor's device tree, or compile yours with `dtc -@`");
  });
}

function xmutil(files: BoardFiles): SurveyFinding {
  const fact = "xmutil / dfx-mgr";
  const path = findXmutil(files);
  return path
    ? holds(fact, path)
    : unseen(fact, "not installed; only --loader xmutil needs it", "sudo snap install xlnx-config --classic");
}

function overlayFiles(files: BoardFiles, geometry: OverlayGeometry): SurveyFinding {
  const fact = "Overlay files";
  return look(fact, () => {
    const { manifest, header } = checkOverlayFolder(files, `${OVERLAYS_FOLDER}/${geometry.id}`, geometry);
    const { megahertz } = manifest.clock;
    return holds(
      fact,
      `${geometry.id}, ${header.part}, ${megahertz} MHz, built ${header.date} ${header.time}`,
    );
  });
}
