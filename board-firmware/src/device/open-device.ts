/** Opens the device a runtime was asked to drive. */
import { DeviceError } from "@sluice/sdk/errors.js";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { EmulatedDevice } from "./emulated.js";
import type { OverlayDevice } from "./overlay-device.js";

type OpenDevice = (geometry: OverlayGeometry) => Promise<OverlayDevice>;

const devices: Record<string, OpenDevice> = {
  emulated: async (geometry) => new EmulatedDevice({ geometry }),
  // koffi and the Verilated library are loaded only when someone asks for them.
  rtl: async (geometry) => new (await import("./rtl.js")).RtlDevice({ geometry }),
};

/** @throws {DeviceError} `unknown-device`, and what opening the device throws */
export async function openDevice(kind: string, geometry: OverlayGeometry): Promise<OverlayDevice> {
  const open = Object.hasOwn(devices, kind) ? devices[kind] : undefined;
  if (open) return open(geometry);
  throw new DeviceError("unknown-device", `This runtime has no device called "${kind}".`, {
    expected: Object.keys(devices).join(", "),
    found: kind,
    hint: "Choose one of the devices above with --device.",
  });
}
