/**
 * The contract of every device, on the kv260 device with its real mmap, UIO and cache maintenance code. A file of its own,
 * because it also runs on arm64 against an installed release (board-firmware/release/arm64).
 */
import { Kv260Device } from "@sluice/board-firmware/device/kv260.js";
import { makeKv260Tree } from "@sluice/board-firmware/testing/kv260-tree.js";
import { smallGeometry } from "@sluice/sdk/overlay";
import { describeOverlayDevice } from "../../contract/overlay-device.js";
import { busTo, type Fabric, InterruptNode, startFabric } from "../../support/kv260-fabric.js";

/** Under QEMU everything takes long, and Node's test runner counts the whole suite. */
const TIMEOUT_MS = process.env.SLUICE_APP ? 3_600_000 : 30_000;
const MEMORY = { address: 0x7000_0000, bytes: 2 ** 22 };

describeOverlayDevice("kv260 on a tree with a fabric", {
  timeoutMs: TIMEOUT_MS,
  async open() {
    const interrupt = new InterruptNode();
    const tree = makeKv260Tree({ uioNode: interrupt.path });
    let fabric: Fabric | undefined;
    const device = await Kv260Device.open(smallGeometry, { files: tree.files, bus: busTo(() => fabric) });
    fabric = startFabric(tree, smallGeometry, interrupt, MEMORY);
    // The fabric is a program, and on arm64 an emulated one: its deadlines are not those of hardware.
    if (process.env.SLUICE_APP) Object.defineProperty(device, "slowdown", { value: 100 });
    const close = device.close.bind(device);
    device.close = async () => {
      await close();
      fabric?.stop();
      interrupt.close();
      tree.cleanup();
    };
    return device;
  },
});
