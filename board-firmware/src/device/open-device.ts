/** Opens the device a runtime was asked to drive. */
import { DeviceError } from "@sluice/sdk/errors.js";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { EmulatedDevice } from "./emulated.js";
import type { OverlayDevice } from "./overlay-device.js";

/** What a device may be told beside its geometry; each takes what concerns it. */
export interface OpenDeviceOptions {
  /** kv260: the directory that stands for "/". Default "/". */
  readonly root?: string;
  /** kv260: who programs the fabric. Default "fpga-manager". */
  readonly method?: "fpga-manager" | "xmutil";
  /** kv260: folder of the overlay, seen from the root. Default /usr/share/sluice/overlays/<geometry>. */
  readonly folder?: string;
}

type OpenDevice = (geometry: OverlayGeometry, options: OpenDeviceOptions) => Promise<OverlayDevice>;

const devices: Record<string, OpenDevice> = {
  emulated: async (geometry) => new EmulatedDevice({ geometry }),
  // koffi, and what it loads, only when someone asks for them.
  rtl: async (geometry) => new (await import("./rtl.js")).RtlDevice({ geometry }),
  kv260: async (geometry, options) => (await import("./kv260.js")).openKv260(geometry, options),
};

/** @throws {DeviceError} `unknown-device`, and what opening the device throws */
export async function openDevice(
  kind: string,
  geometry: OverlayGeometry,
  options: OpenDeviceOptions = {},
): Promise<OverlayDevice> {
  const open = Object.hasOwn(devices, kind) ? devices[kind] : undefined;
  if (open) return open(geometry, options);
  throw new DeviceError("unknown-device", `This runtime has no device called "${kind}".`, {
    expected: Object.keys(devices).join(", "),
    found: kind,
    hint: "Choose one of the devices above with --device.",
  });
}
