/** What the server needs of a driver. OverlayDriver is one; tests may bring another. */
import type { OverlayDevice } from "../device/overlay-device.js";
import type { OverlayDriver } from "../driver/index.js";

export interface ModelRunner
  extends Pick<OverlayDriver, "identify" | "load" | "unload" | "run" | "layerCounters" | "dumpLayer"> {
  readonly device: Pick<OverlayDevice, "kind" | "geometry">;
}
