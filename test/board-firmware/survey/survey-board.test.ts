/** The survey on a healthy tree, on trees where one fact differs each, and on a machine that is no board. */
import { BoardFiles } from "@sluice/board-firmware/board-files";
import { boardFacts, surveyBoard } from "@sluice/board-firmware/survey";
import {
  type Kv260Tree,
  makeKv260Tree,
  type TreeOptions,
} from "@sluice/board-firmware/testing/kv260-tree.js";
import { smallGeometry } from "@sluice/sdk/overlay";
import { afterEach, describe, expect, it } from "vitest";
import { runSluice } from "../../support/run-sluice.js";

const trees: Kv260Tree[] = [];
function tree(options: TreeOptions = {}): Kv260Tree {
  const made = makeKv260Tree(options);
  trees.push(made);
  made.put("/proc/sys/kernel/osrelease", "5.15.0-1027-xilinx-zynqmp\n");
  made.put("/etc/os-release", 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 22.04.4 LTS"\n');
  made.put(
    "/proc/iomem",
    "00000000-7fefffff : System RAM\n  00210000-0185ffff : Kernel code\n800000000-87fffffff : System RAM\n",
  );
  made.put("/sys/class/fpga_manager/fpga0/flags", "0\n");
  made.put("/usr/bin/xmutil", "#!/bin/sh\n");
  made.put("/dev/dma_heap/linux,cma", "");
  made.writeMem(0xff5e_00c0, (1 << 24) | (1 << 16) | (4 << 8));
  made.writeMem(0xfd61_5000, 0x800);
  return made;
}
afterEach(() => {
  for (const made of trees.splice(0)) made.cleanup();
});

const survey = (made: Kv260Tree) => surveyBoard(made.files, smallGeometry);
const fact = (made: Kv260Tree, name: string) => survey(made).find((finding) => finding.fact === name);

describe("surveyBoard", () => {
  it("finds what holds, and says what it cannot see", () => {
    const made = tree();
    const findings = survey(made);
    expect(findings.slice(1).map(({ fact: name }) => name)).toEqual(boardFacts);
    const others = findings.filter(({ verdict }) => verdict !== "holds").map(({ fact: name }) => name);
    const expected = ["UIO node of the overlay", "Serial console", "Overlay ID and VERSION"];
    expect(others).toEqual(process.arch === "arm64" ? expected : ["Node on arm64", ...expected]);
    // Reading the processing system's registers is all that was opened; the overlay's were left alone.
    expect(new Set(made.files.opened)).toEqual(new Set(["/dev/mem"]));
  });

  it.each<[string, (made: Kv260Tree) => void, string, string]>([
    [
      "Linux and kernel",
      (made) => made.put("/etc/os-release", 'PRETTY_NAME="Arch"\n'),
      "Arch",
      "Ubuntu 22.04",
    ],
    ["fpga_manager", (made) => made.remove("/sys/class/fpga_manager"), "no /sys/class", "doctor"],
    [
      "fpga_manager",
      (made) => made.put("/sys/class/fpga_manager/fpga0/state", "write error\n"),
      "write error",
      "restart",
    ],
    [
      "fpga_manager flags",
      (made) => made.put("/sys/class/fpga_manager/fpga0/flags", "1\n"),
      "stale",
      "echo 0",
    ],
    ["Kernel log", (made) => made.remove("/dev/kmsg"), "no /dev/kmsg", "doctor"],
    ["Firmware folder", (made) => made.remove("/lib/firmware"), "no /lib/firmware", "mkdir"],
    [
      "Device-tree overlays",
      (made) => made.remove("/sys/kernel/config"),
      "no /sys/kernel",
      "mount -t configfs",
    ],
    ["Overlay files", (made) => made.remove("/usr/share/sluice"), "no overlay", "Build the overlay"],
    [
      "AXI port widths",
      (made) => made.writeMem(0xfd61_5000, 0xa00),
      "wants M_AXI_HPM0_FPD 32",
      "sluice board",
    ],
    [
      "PL clock",
      (made) => made.writeMem(0xff5e_00c0, (1 << 24) | (1 << 16) | (10 << 8)),
      "99.999 MHz",
      "sluice board",
    ],
    [
      "DDR map",
      (made) => made.put("/proc/iomem", "00000000-ffffffff : System RAM\n"),
      "0xffffffff",
      "report",
    ],
    [
      "Cache maintenance",
      (made) => made.remove("/sys/class/u-dma-buf/udmabuf0/sync_for_cpu"),
      "no sync_for_cpu",
      "install",
    ],
    ["UIO boot argument", (made) => made.put("/proc/cmdline", "quiet\n"), "missing", "generic-uio"],
    ["Power (INA260)", (made) => made.remove("/sys/class/hwmon"), "not available", "cat /sys"],
    [
      "Power (INA260)",
      (made) => made.put("/sys/class/hwmon/hwmon2/power1_input", "0\n"),
      "not plausible",
      "cat /sys",
    ],
    ["Temperatures", (made) => made.remove("/sys/bus/iio"), "not available", "cat /sys"],
  ])("%s differs", (name, spoil, found, next) => {
    const made = tree();
    spoil(made);
    expect(fact(made, name)).toMatchObject({
      verdict: "differs",
      found: expect.stringContaining(found),
      next: expect.stringContaining(next),
    });
  });

  it("says what is wrong with contiguous memory", () => {
    const none = tree({ udmabuf: false, cmaFreeKiB: 2_048 });
    expect(fact(none, "u-dma-buf")).toMatchObject({
      verdict: "differs",
      next: expect.stringContaining("modprobe"),
    });
    expect(fact(none, "CMA")).toMatchObject({ verdict: "differs", found: "2 of 1000 MiB free" });
    const high = tree({ udmabuf: { address: "0x0000000810000000" } });
    expect(fact(high, "u-dma-buf")).toMatchObject({
      verdict: "differs",
      found: expect.stringContaining("2 GB"),
    });
  });

  it("touches nothing on a machine that is no board", () => {
    const made = tree({ model: { model: "Raspberry Pi 4", compatible: ["raspberrypi,4-model-b"] } });
    const [board, ...rest] = survey(made);
    expect(board).toMatchObject({ verdict: "differs", found: expect.stringContaining("Raspberry Pi 4") });
    expect(rest.every(({ verdict }) => verdict === "unseen")).toBe(true);
    expect(made.files.opened).toEqual([]);
    expect(surveyBoard(new BoardFiles("/nonexistent"), smallGeometry)[0].verdict).toBe("differs");
  });
});

describe("sluice doctor --board kv260", () => {
  it("prints every fact, and exits with 4 when one differs", async () => {
    const made = tree();
    made.put("/proc/cmdline", "quiet\n");
    const run = await runSluice(["doctor", "--board", "kv260", "--geometry", "p4i8o8", "--root", made.root]);
    expect(run.code).toBe(4);
    for (const name of boardFacts) expect(run.stdout).toContain(name);
    expect(run.stdout).toMatch(/✗ {2}UIO boot argument {2,}missing {2,}add uio_pdrv_genirq/);
    expect(run.stdout).toMatch(/\d+ of 23 facts hold, \d do not, 3 cannot be seen from here/);
  });
});
