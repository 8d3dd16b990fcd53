/**
 * The loader on a KV260's file tree with a kernel that answers: the way through all gates, and one refusal for each gate
 * and each hazard, with the overlay's registers untouched.
 */
import { createHash } from "node:crypto";
import { chmodSync } from "node:fs";
import { loadOverlay } from "@sluice/board-firmware/loader";
import {
  bitFile,
  configurationData,
  handoffFile,
  overlayBuild,
  swapWords,
} from "@sluice/board-firmware/testing/bitstream-file.js";
import {
  type Kv260Tree,
  makeKv260Tree,
  type TreeOptions,
} from "@sluice/board-firmware/testing/kv260-tree.js";
import { LoaderError } from "@sluice/sdk/errors.js";
import { smallGeometry } from "@sluice/sdk/overlay";
import { afterEach, describe, expect, it } from "vitest";

const trees: Kv260Tree[] = [];
function tree(options: TreeOptions = {}): Kv260Tree {
  const made = makeKv260Tree(options);
  trees.push(made);
  return made;
}
afterEach(() => {
  for (const made of trees.splice(0)) made.cleanup();
});

const load = (made: Kv260Tree, options: Parameters<typeof loadOverlay>[2] = {}) =>
  loadOverlay(made.files, smallGeometry, { uioDeadlineMs: 50, ...options });

async function refusal(
  made: Kv260Tree,
  options: Parameters<typeof loadOverlay>[2] = {},
): Promise<LoaderError> {
  const error: unknown = await load(made, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LoaderError);
  const refused = error as LoaderError;
  expect(refused.hint, "every refusal says what to do").toBeTruthy();
  expect(refused.code).toBe(`gate-${String(refused.details.gate)}`);
  return refused;
}

/** Writes the files of a build whose manifest was changed, or whose files were changed behind its back. */
function install(
  made: Kv260Tree,
  change: (build: ReturnType<typeof overlayBuild>) => void,
  bit = bitFile(),
): void {
  const build = overlayBuild(smallGeometry, bit);
  change(build);
  for (const [name, bytes] of Object.entries(build.files)) made.put(`${made.overlayFolder}/${name}`, bytes);
  made.put(`${made.overlayFolder}/manifest.json`, JSON.stringify(build.manifest));
}

describe("loadOverlay", () => {
  it("passes all gates in order, and hands out the registers", async () => {
    const made = tree();
    const overlay = await load(made);
    expect(overlay.passed.map(({ gate }) => gate)).toEqual([
      "board",
      "manifest",
      "header",
      "part",
      "size",
      "hash",
      "byte-order",
      "handoff",
      "flags",
      "program",
      "state",
      "log",
      "device-tree",
      "axi-width",
      "clock",
      "identity",
    ]);
    expect(overlay.registers.read(0)).toBe(0x4543_4c53);
    expect(overlay.uio.path).toBe("/dev/uio4");
    // The load put PL0 back to 100 MHz; the loader set 249.9975 and read it back.
    expect(overlay.clock.megahertz).toBeCloseTo(249.9975, 3);
    expect(made.readMem(0xff5e_00c0) & 0x3f_3f00).toBe((1 << 16) | (4 << 8));
    // A 32-bit master is code 0 in bits 9:8 of afi_fs; bits 11:10 stay as they were. A 128-bit slave is code 0.
    expect(made.readMem(0xfd61_5000)).toBe(0x800);
    expect(made.readMem(0xfd38_0000)).toBe(0);
    expect(made.text("/sys/class/fpga_manager/fpga0/flags").trim()).toBe("0");
    await overlay.unload();
    expect(made.files.list("/sys/kernel/config/device-tree/overlays")).toEqual([]);
    expect(() => overlay.registers.read(0)).toThrow(expect.objectContaining({ code: "closed" }));
  });

  it("loads, unloads and loads again; a load on top of one replaces it", async () => {
    const made = tree();
    for (let round = 0; round < 3; round += 1) await (await load(made)).unload();
    const first = await load(made);
    const second = await load(made);
    expect(second.registers.read(0)).toBe(0x4543_4c53);
    first.registers.close();
    await second.unload();
  });

  describe("a device-tree overlay with firmware-name programs the fabric", () => {
    const programming = (options: TreeOptions): Kv260Tree => {
      const made = tree(options);
      install(made, ({ manifest }) => {
        manifest.deviceTree.programsFabric = true;
      });
      return made;
    };

    it("through the region, once", async () => {
      const made = programming({ firmwareName: "sluice-p4i8o8.bin" });
      const overlay = await load(made);
      expect(overlay.passed).toContainEqual({ gate: "program", found: "applied" });
      expect(overlay.registers.read(0)).toBe(0x4543_4c53);
      expect(made.text("/dev/kmsg").match(/writing sluice-p4i8o8\.bin/g)).toHaveLength(1);
      expect(made.text("/sys/class/fpga_manager/fpga0/firmware")).toBe("");
      await overlay.unload();
    });

    it.each([
      ["nothing", undefined, "1 records, none about it"],
      ["another file", "old.bin", "fpga_manager fpga0: Error while writing image data to FPGA"],
    ])("and is refused when it programs %s", async (_, firmwareName, found) => {
      const made = programming({ firmwareName });
      expect(await refusal(made)).toMatchObject({ code: "gate-log", found });
      expect(made.files.list("/sys/kernel/config/device-tree/overlays")).toEqual([]);
    });
  });
});

describe("gates before anything is written", () => {
  it.each<[string, string, (made: Kv260Tree) => void]>([
    [
      "board: another Zynq",
      "gate-board",
      (made) => made.put("/proc/device-tree/compatible", "xlnx,zynqmp-zcu102\0xlnx,zynqmp\0"),
    ],
    ["board: no device tree", "gate-board", (made) => made.remove("/proc/device-tree")],
    ["manifest: none", "gate-manifest", (made) => made.remove(`${made.overlayFolder}/manifest.json`)],
    ["manifest: not JSON", "gate-manifest", (made) => made.put(`${made.overlayFolder}/manifest.json`, "{")],
    [
      "manifest: a path instead of a name",
      "gate-manifest",
      (made) =>
        install(made, ({ manifest }) => {
          manifest.firmware.name = "../../etc/passwd";
        }),
    ],
    [
      "manifest: another geometry",
      "gate-manifest",
      (made) =>
        install(made, ({ manifest }) => {
          manifest.geometry = "p8i8o16";
        }),
    ],
    [
      "manifest: another contract",
      "gate-manifest",
      (made) =>
        install(made, ({ manifest }) => {
          manifest.overlayVersion = 0x0002_0000;
        }),
    ],
    [
      "manifest: coherent HP port",
      "gate-manifest",
      (made) =>
        install(made, ({ manifest }) => {
          manifest.memory.coherent = true;
        }),
    ],
    [
      "manifest: registers outside their port's window",
      "gate-manifest",
      (made) =>
        install(made, ({ manifest }) => {
          manifest.registers.base = "0x90000000";
        }),
    ],
    [
      "manifest: registers behind a port for memory",
      "gate-manifest",
      (made) =>
        install(made, ({ manifest }) => {
          manifest.registers.port = "S_AXI_HP0_FPD";
        }),
    ],
    [
      "header: truncated .bit",
      "gate-header",
      (made) => install(made, () => undefined, bitFile().subarray(0, 3000)),
    ],
    [
      "header: another design",
      "gate-header",
      (made) => install(made, () => undefined, bitFile({ design: "blinky" })),
    ],
    [
      "part: a ZU9 bitstream",
      "gate-part",
      (made) => install(made, () => undefined, bitFile({ part: "xczu9eg-ffvb1156-2-e" })),
    ],
    [
      "size: manifest of another build",
      "gate-size",
      (made) =>
        install(made, ({ manifest }) => {
          manifest.bitstream.bytes += 4;
        }),
    ],
    [
      "hash: one bit changed",
      "gate-hash",
      (made) =>
        install(made, ({ files }) => {
          files["p4i8o8.bit"][2000] ^= 1;
        }),
    ],
    [
      "byte order: swapped in a .bit",
      "gate-byte-order",
      (made) => install(made, () => undefined, bitFile({ data: swapWords(configurationData()) })),
    ],
    [
      "handoff: AXI width of another build",
      "gate-handoff",
      (made) => {
        const build = overlayBuild(smallGeometry, bitFile(), handoffFile({ masterWidth: 128 }));
        install(made, (mine) => Object.assign(mine, build));
      },
    ],
    [
      "handoff: another device",
      "gate-handoff",
      (made) => {
        const text = handoffFile().replace('DEVICE="xck26"', 'DEVICE="xczu9eg"');
        const build = overlayBuild(smallGeometry, bitFile(), text);
        install(made, (mine) => Object.assign(mine, build));
      },
    ],
    [
      "handoff: not XML",
      "gate-handoff",
      (made) => {
        const build = overlayBuild(smallGeometry, bitFile(), "<EDKSYSTEM>");
        install(made, (mine) => Object.assign(mine, build));
      },
    ],
    [
      "device tree: not compiled",
      "gate-device-tree",
      (made) =>
        install(made, (build) => {
          const text = Buffer.from("/dts-v1/;\n/plugin/;\n");
          const sha256 = createHash("sha256").update(text).digest("hex");
          build.files["p4i8o8.dtbo"] = new Uint8Array(text);
          Object.assign(build.manifest.deviceTree, { bytes: text.length, sha256 });
        }),
    ],
    [
      "handoff: another address",
      "gate-handoff",
      (made) => {
        const build = overlayBuild(smallGeometry, bitFile(), handoffFile({ base: "0xA0010000" }));
        install(made, (mine) => Object.assign(mine, build));
      },
    ],
    [
      "handoff: another clock",
      "gate-handoff",
      (made) => {
        const build = overlayBuild(smallGeometry, bitFile(), handoffFile({ clockHertz: 299_997_000 }));
        install(made, (mine) => Object.assign(mine, build));
      },
    ],
    ["log: no kernel log", "gate-log", (made) => made.remove("/dev/kmsg")],
  ])("%s", async (_, code, spoil) => {
    const made = tree();
    spoil(made);
    const flags = made.text("/sys/class/fpga_manager/fpga0/flags");
    expect(await refusal(made)).toMatchObject({ code });
    expect(made.text("/sys/class/fpga_manager/fpga0/flags")).toBe(flags);
    expect(made.files.list("/lib/firmware")).toEqual(["xilinx"]);
    expect(made.files.opened).toEqual([]);
  });
});

describe("gates while the fabric is loaded", () => {
  const untouched = (made: Kv260Tree): void => {
    expect(made.files.opened.filter((path) => path.startsWith("/dev/uio"))).toEqual([]);
    expect(made.files.list("/sys/kernel/config/device-tree/overlays")).toEqual([]);
  };

  it("flags that do not stay", async () => {
    const made = tree({ faults: { flagsStuck: true } });
    expect(await refusal(made)).toMatchObject({ code: "gate-flags", expected: "0", found: "1" });
    untouched(made);
  });

  it("a load that fails while state still says operating: the kernel log decides", async () => {
    const made = tree({ faults: { loadFailsSilently: true } });
    const refused = await refusal(made);
    expect(refused).toMatchObject({
      code: "gate-log",
      found: "fpga_manager fpga0: Error while writing image data to FPGA",
    });
    expect(refused.details.kernelLog).toContainEqual(expect.stringContaining("returned with value -22"));
    untouched(made);
  });

  it("a load that leaves no trace in the log", async () => {
    const made = tree({ faults: { loadIgnored: true } });
    expect(await refusal(made)).toMatchObject({ code: "gate-log", found: "0 records, none about it" });
    untouched(made);
  });

  it("a state other than operating", async () => {
    const made = tree({ faults: { state: "write complete error" } });
    expect(await refusal(made)).toMatchObject({ code: "gate-state", found: "write complete error" });
    untouched(made);
  });

  it("an errno from fpga_manager comes with the kernel log", async () => {
    const made = tree({ faults: { firmwareErrno: "EBUSY" } });
    const refused = await refusal(made);
    expect(refused).toMatchObject({
      code: "gate-program",
      found: "EBUSY",
      hint: expect.stringContaining("xmutil"),
    });
    expect(refused.details.kernelLog).toContainEqual(expect.stringContaining("Error while writing"));
    untouched(made);
  });

  it("a device-tree overlay the kernel does not apply", async () => {
    const made = tree({ faults: { overlayStatus: "unapplied" } });
    const refused = await refusal(made);
    expect(refused).toMatchObject({ code: "gate-device-tree", found: "unapplied" });
    expect(refused.details.kernelLog).toContainEqual(expect.stringContaining("no symbols in root"));
    untouched(made);
  });

  it("configfs that is not mounted", async () => {
    const made = tree();
    made.remove("/sys/kernel/config");
    expect(await refusal(made)).toMatchObject({
      code: "gate-device-tree",
      hint: expect.stringContaining("mount"),
    });
  });

  it("no UIO node", async () => {
    const made = tree({ faults: { noUio: true } });
    expect(await refusal(made)).toMatchObject({
      code: "gate-device-tree",
      hint: expect.stringContaining("uio_pdrv_genirq.of_id=generic-uio"),
    });
    untouched(made);
  });

  it("an AXI port width that does not take", async () => {
    const made = tree();
    const memory = { read: () => 0xa00, write: () => undefined };
    expect(await refusal(made, { memory })).toMatchObject({
      code: "gate-axi-width",
      place: "register 0xfd615000, bits 9:8",
      expected: "0 (32 bits)",
      found: "2 (register 0x00000a00)",
    });
    untouched(made);
  });

  it("a clock that does not take, and one no division reaches", async () => {
    const made = tree();
    const stuck = {
      read: (address: number) =>
        address >= 0xfd00_0000 && address < 0xff5e_0000 ? 0 : made.readMem(address),
      write: () => undefined,
    };
    expect(await refusal(made, { memory: stuck })).toMatchObject({
      code: "gate-clock",
      expected: "240 to 250 MHz",
      found: expect.stringContaining("99.999 MHz"),
    });
    untouched(made);
    const odd = tree();
    install(odd, ({ manifest, files }) => {
      const build = overlayBuild(smallGeometry, bitFile(), handoffFile({ clockHertz: 300_000_000 }));
      Object.assign(files, build.files);
      Object.assign(manifest, build.manifest, { clock: { pl: 0, megahertz: 300, leastMegahertz: 290 } });
    });
    expect(await refusal(odd)).toMatchObject({
      code: "gate-clock",
      found: expect.stringContaining("249.998 MHz"),
    });
  });

  it.each([
    ["ID", { id: 0xdead_beef }, "0xdeadbeef"],
    ["VERSION", { version: 0x0002_0000 }, "2.0"],
  ])("a wrong %s", async (_, faults, found) => {
    expect(await refusal(tree({ faults }))).toMatchObject({ code: "gate-identity", found });
  });

  it("nodes this user may not write", async () => {
    const made = tree();
    chmodSync(made.files.locate("/sys/class/fpga_manager/fpga0/flags"), 0o400);
    chmodSync(made.root, 0o755);
    const asRoot = process.getuid?.() === 0;
    // Root may write everything: the test gives its rights away for as long as the loader runs.
    if (asRoot) process.seteuid?.(65_534);
    try {
      expect(await refusal(made)).toMatchObject({
        code: "gate-flags",
        found: "EACCES",
        details: { reason: "permission-denied" },
      });
    } finally {
      if (asRoot) process.seteuid?.(0);
    }
  });
});

describe("xmutil", () => {
  const script = (made: Kv260Tree, loadapp: string): void => {
    made.put(
      "/usr/bin/xmutil",
      `#!/bin/sh\nroot="${made.root}"\necho "$@" >> "$root/calls"\nif [ "$1" = unloadapp ]; then exit 0; fi\n${loadapp}\n`,
    );
    chmodSync(made.files.locate("/usr/bin/xmutil"), 0o755);
  };

  it("loads an app from the three files it wants", async () => {
    const made = tree();
    script(
      made,
      `mkdir -p "$root/sys/class/uio/uio4" && echo sluice > "$root/sys/class/uio/uio4/name"
printf 'SLCE\\000\\000\\001\\000' | dd of="$root/dev/mem" bs=8 seek=$((0xa0000000 / 8)) conv=notrunc 2>/dev/null
touch "$root/dev/uio4"; echo "$2: loaded to slot 0"`,
    );
    const overlay = await load(made, { method: "xmutil" });
    expect(overlay.passed).toContainEqual({ gate: "program", found: "sluice-p4i8o8: loaded to slot 0" });
    const app = "/lib/firmware/xilinx/sluice-p4i8o8";
    expect(made.files.list(app)).toEqual(["shell.json", "sluice-p4i8o8.bit.bin", "sluice-p4i8o8.dtbo"]);
    expect(JSON.parse(made.text(`${app}/shell.json`))).toEqual({ shell_type: "XRT_FLAT", num_slots: "1" });
    expect(made.files.readBytes(`${app}/sluice-p4i8o8.bit.bin`, 1e6)).toEqual(swapWords(configurationData()));
    // Loading an app put the clock back, and it was set again.
    expect(overlay.clock.megahertz).toBeCloseTo(249.9975, 3);
    await overlay.unload();
    const calls = made.text("/calls").trim().split("\n");
    expect(calls.filter((call) => call === "loadapp sluice-p4i8o8")).toHaveLength(1);
    expect(calls.at(-1)).toBe("unloadapp");
    const again = await load(made, { method: "xmutil" });
    expect(again.registers.read(0)).toBe(0x4543_4c53);
    await again.unload();
  });

  it("explains its opaque error with the kernel log", async () => {
    const made = tree();
    script(
      made,
      `echo "3,900,5,-;fpga_manager fpga0: Error while writing image data to FPGA" >> "$root/dev/kmsg"; echo "$2: error: 1"`,
    );
    const refused = await refusal(made, { method: "xmutil" });
    expect(refused).toMatchObject({ code: "gate-program", found: "sluice-p4i8o8: error: 1" });
    expect(refused.details.kernelLog).toEqual([
      "[0.000005] fpga_manager fpga0: Error while writing image data to FPGA",
    ]);
  });

  it("says so when there is none", async () => {
    expect(await refusal(tree(), { method: "xmutil" })).toMatchObject({
      code: "gate-program",
      hint: expect.stringContaining("fpga_manager"),
    });
  });
});
