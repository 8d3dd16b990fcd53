/** The contract of every overlay device, on the RTL. */
import { RtlDevice } from "@sluice/board-firmware/device/rtl.js";
import { smallGeometry } from "@sluice/sdk/overlay";
import { describeOverlayDevice } from "../contract/overlay-device.js";

const memoryBytes = 64 * 2 ** 20;

describeOverlayDevice("rtl", {
  open: () => new RtlDevice({ geometry: smallGeometry, memoryBytes }),
  timeoutMs: 120_000,
});

describeOverlayDevice("rtl behind a slow memory with random stalls", {
  open: () =>
    new RtlDevice({
      geometry: smallGeometry,
      memoryBytes,
      seed: 5,
      memory: { latency: 120, jitter: 60, busyPer1024: 400, beatsPer1024: 500 },
    }),
  timeoutMs: 120_000,
});
