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

const survey = (made: Kv260Tree, watchMs = 40) => surveyBoard(made.files, smallGeometry, { watchMs });
const fact = async (made: Kv260Tree, name: string, watchMs?: number) =>
  (await survey(made, watchMs)).find((finding) => finding.fact === name);

describe("surveyBoard", () => {
  it("finds what holds, and says what it cannot see", async () => {
    const made = tree();
    const findings = await survey(made);
    expect(findings.slice(1).map(({ fact: name }) => name)).toEqual(boardFacts);
    const others = findings.filter(({ verdict }) => verdict !== "holds").map(({ fact: name }) => name);
    const expected = [
      "UIO node of the overlay",
      "Pace of the power sensor", // it shows one value here
      "Serial console",
      "Overlay ID and VERSION",
    ];
    expect(others).toEqual(process.arch === "arm64" ? expected : ["Node on arm64", ...expected]);
    // The processing system's registers and the contiguous memory were read; the overlay's registers were left alone.
    const sync = ["cpu", "device"].map((side) => `/sys/class/u-dma-buf/udmabuf0/sync_for_${side}`);
    expect(new Set(made.files.opened)).toEqual(new Set(["/dev/mem", "/dev/udmabuf0", ...sync]));
    for (const path of sync) expect(made.text(path)).toBe("");
  });

  it.each<[string, (made: Kv260Tree) => void, string, string]>([
    [
      "Linux and kernel",
      (made) => made.put("/etc/os-release", 'PRETTY_NAME="Arch"\n'),
      "Arch",
      "Ubuntu 22.04",
    ],
    ["Processor", (made) => made.put("/proc/cpuinfo", "CPU part\t: 0xd03\n"), "0xd03", "restart"],
    [
      "Processor",
      (made) => made.put("/proc/cpuinfo", "CPU part\t: 0xd08\n".repeat(4)),
      "0xd08, 0xd08",
      "restart",
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
    [
      "Device-tree label fpga_full",
      (made) => made.remove("/proc/device-tree/__symbols__"),
      "no labels",
      "dtc -@",
    ],
    [
      "Device-tree label fpga_full",
      (made) => made.remove("/proc/device-tree/__symbols__/fpga_full"),
      "no such label",
      "dtc -@",
    ],
    ["Overlay files", (made) => made.remove("/usr/share/sluice"), "no overlay", "Build the overlay"],
    [
      "Register window",
      (made) => {
        const path = `${made.overlayFolder}/manifest.json`;
        made.put(path, made.text(path).replace('"0xa0000000"', '"0x90000000"'));
      },
      "outside M_AXI_HPM0_FPD's 0xa0000000..0xafffffff",
      "manifest",
    ],
    [
      "Register window",
      (made) => made.put("/proc/iomem", "00000000-bfffffff : System RAM\n"),
      "takes it for memory",
      "report",
    ],
    ["DDR size", (made) => made.put("/proc/meminfo", "MemTotal:        2025748 kB\n"), "1978 MiB", "mem="],
    [
      "AXI port widths",
      (made) => made.writeMem(0xfd61_5000, 0xa00),
      "wants M_AXI_HPM0_FPD 32",
      "the runtime sets it",
    ],
    [
      "PL clock",
      (made) => made.writeMem(0xff5e_00c0, (1 << 24) | (1 << 16) | (10 << 8)),
      "99.999 MHz",
      "the runtime sets it",
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
  ])("%s differs", async (name, spoil, found, next) => {
    const made = tree();
    spoil(made);
    expect(await fact(made, name)).toMatchObject({
      verdict: "differs",
      found: expect.stringContaining(found),
      next: expect.stringContaining(next),
    });
  });

  it("watches how often and in which steps the power sensor changes", async () => {
    const pace = "Pace of the power sensor";
    const watched = async (microwatts: (index: number) => number, intervalMs: number) => {
      const made = tree();
      let index = 0;
      const timer = setInterval(() => {
        index += 1;
        made.put("/sys/class/hwmon/hwmon2/power1_input", `${microwatts(index)}\n`);
      }, intervalMs);
      try {
        return await fact(made, pace, 900);
      } finally {
        clearInterval(timer);
      }
    };
    const steps = (index: number) => 3_820_000 + 10_000 * index;
    expect(await watched(steps, 150)).toMatchObject({
      verdict: "holds",
      found: expect.stringMatching(/^\d\.\d new values a second, steps of 10 mW$/),
    });
    expect(await watched(steps, 30)).toMatchObject({
      verdict: "differs",
      next: expect.stringContaining("160 ms"),
    });
    expect(await watched((index) => 3_820_000 + 25 * index, 150)).toMatchObject({
      verdict: "differs",
      found: expect.stringContaining("not in steps of 10 mW"),
    });
    const without = tree();
    without.remove("/sys/class/hwmon");
    expect(await fact(without, pace)).toMatchObject({
      verdict: "unseen",
      found: expect.stringMatching(/^not available/),
    });
  });

  it("says what is wrong with contiguous memory", async () => {
    const none = tree({ udmabuf: false, cmaFreeKiB: 2_048 });
    expect(await fact(none, "u-dma-buf")).toMatchObject({
      verdict: "differs",
      next: expect.stringContaining("modprobe"),
    });
    expect(await fact(none, "CMA")).toMatchObject({ verdict: "differs", found: "2 of 1000 MiB free" });
    const high = tree({ udmabuf: { address: "0x0000000810000000" } });
    expect(await fact(high, "u-dma-buf")).toMatchObject({
      verdict: "differs",
      found: expect.stringContaining("2 GB"),
    });
  });

  it("touches nothing on a machine that is no board", async () => {
    const made = tree({ model: { model: "Raspberry Pi 4", compatible: ["raspberrypi,4-model-b"] } });
    const [board, ...rest] = await survey(made);
    expect(board).toMatchObject({ verdict: "differs", found: expect.stringContaining("Raspberry Pi 4") });
    expect(rest.every(({ verdict }) => verdict === "unseen")).toBe(true);
    expect(made.files.opened).toEqual([]);
    const [nowhere] = await surveyBoard(new BoardFiles("/nonexistent"), smallGeometry);
    expect(nowhere.verdict).toBe("differs");
  });
});

describe("sluice doctor --board kv260", () => {
  it("prints every fact, and exits with 4 when one differs", async () => {
    const made = tree();
    made.put("/proc/cmdline", "quiet\n");
    const run = await runSluice(["doctor", "--board", "kv260", "--geometry", "p4i8o8", "--root", made.root]);
    expect(run.code).toBe(4);
    for (const name of boardFacts) expect(run.stdout).toContain(name);
    expect(run.stdout).toMatch(/✗ {2}UIO boot argument {2,}missing\n +next: add uio_pdrv_genirq/);
    expect(run.stdout).toMatch(/\d+ of 29 facts hold, \d do not, 4 cannot be seen from here/);
  });

  it("is a command of the runtime as well, which is all that a board has", async () => {
    const made = tree();
    made.put("/proc/cmdline", "quiet\n");
    const args = ["--geometry", "p4i8o8", "--root", made.root, "--json", "-"];
    const run = await runSluice(["board", "doctor", ...args]);
    expect(run.code).toBe(1);
    const { healthy, findings } = JSON.parse(run.stdout);
    expect(healthy).toBe(false);
    expect(findings.slice(1).map(({ fact: name }: { fact: string }) => name)).toEqual(boardFacts);
  });
});
