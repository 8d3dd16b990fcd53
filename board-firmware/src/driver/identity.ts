/** Who answers on the register bus, and whether a plan was made for it. */

import type { RunPlan } from "@sluice/sdk/compile";
import { DeviceError } from "@sluice/sdk/errors.js";
import { geometryById, OVERLAY_ID, OVERLAY_VERSION, type OverlayGeometry } from "@sluice/sdk/overlay";
import type { OverlayDevice } from "../device/overlay-device.js";
import { readNamed } from "./register-access.js";
import type { OverlayIdentity } from "./types.js";

const hex = (value: number): string => `0x${value.toString(16).padStart(8, "0")}`;

export function readIdentity(device: OverlayDevice): OverlayIdentity {
  const version = readNamed(device, "VERSION");
  const geometry = readNamed(device, "GEOMETRY");
  const capability = readNamed(device, "CAPABILITY");
  return {
    id: readNamed(device, "ID"),
    versionMajor: version >>> 16,
    versionMinor: version & 0xffff,
    pixels: geometry & 0xff,
    inputs: (geometry >>> 8) & 0xff,
    outputs: (geometry >>> 16) & 0xff,
    decoderLanes: geometry >>> 24,
    requantizeLanes: (capability >>> 16) & 0xff,
    depthwiseChannels: capability >>> 24,
    activationRows: readNamed(device, "ACTIVATION_ROWS"),
    weightLines: readNamed(device, "WEIGHT_LINES"),
    codecs: Array.from({ length: 16 }, (_, id) => id).filter((id) => (capability >>> id) & 1),
  };
}

/** @throws {DeviceError} `not-an-overlay`, `overlay-version` */
export function checkOverlay(identity: OverlayIdentity): void {
  if (identity.id !== OVERLAY_ID) {
    throw new DeviceError("not-an-overlay", "No Sluice overlay answers at the register address.", {
      place: "register ID",
      expected: hex(OVERLAY_ID),
      found: hex(identity.id),
      hint: "Load the overlay's bitstream first, and check the register base address in its manifest.",
    });
  }
  const major = OVERLAY_VERSION >>> 16;
  if (identity.versionMajor !== major) {
    throw new DeviceError(
      "overlay-version",
      "The overlay follows another version of the register contract.",
      {
        place: "register VERSION",
        expected: `${major}.x`,
        found: `${identity.versionMajor}.${identity.versionMinor}`,
        hint: "Use the bitstream and the runtime of one release.",
      },
    );
  }
}

/** @throws {DeviceError} `overlay-version`, `geometry-mismatch` */
export function checkPlanFits(plan: RunPlan, identity: OverlayIdentity): void {
  if (plan.overlayVersion >>> 16 !== identity.versionMajor) {
    throw new DeviceError("overlay-version", "The package was made for another version of the overlay.", {
      place: "plan, overlayVersion",
      expected: `${identity.versionMajor}.x`,
      found: `${plan.overlayVersion >>> 16}.${plan.overlayVersion & 0xffff}`,
      hint: "Pack the model again with this release.",
    });
  }
  const wanted = geometryById(plan.geometry);
  const facts: (keyof OverlayGeometry & keyof OverlayIdentity)[] = [
    "pixels",
    "inputs",
    "outputs",
    "decoderLanes",
    "requantizeLanes",
    "depthwiseChannels",
    "activationRows",
    "weightLines",
  ];
  const wrong = facts.filter((fact) => identity[fact] !== wanted[fact]);
  if (wrong.length > 0) {
    throw new DeviceError("geometry-mismatch", "The package was made for another overlay geometry.", {
      place: "registers GEOMETRY, CAPABILITY, ACTIVATION_ROWS, WEIGHT_LINES",
      expected: `${plan.geometry}: ${wrong.map((fact) => `${fact} ${wanted[fact]}`).join(", ")}`,
      found: wrong.map((fact) => `${fact} ${identity[fact]}`).join(", "),
      hint: `Load the overlay "${plan.geometry}" on the board, or pack the model for the board's geometry.`,
    });
  }
}

/** @throws {DeviceError} `codec-unsupported` */
export function checkCodecs(used: Iterable<number>, identity: OverlayIdentity): void {
  const missing = [...new Set(used)].filter((id) => !identity.codecs.includes(id));
  if (missing.length === 0) return;
  throw new DeviceError("codec-unsupported", "The overlay has no decoder for the package's weight codec.", {
    place: "register CAPABILITY",
    expected: `codec ${missing.join(", ")}`,
    found: `codecs ${identity.codecs.join(", ")}`,
    hint: "Pack the model with a codec the overlay has (--codec raw always works), or load another overlay.",
  });
}
