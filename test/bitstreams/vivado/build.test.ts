import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as contract from "@sluice/sdk/overlay";
import { geometries, type OverlayGeometry, REGISTER_SPACE_BYTES, registers } from "@sluice/sdk/overlay";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const bitstreams = new URL("../../../bitstreams/", import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, bitstreams));
const { overlayParameters, overlaySources } = (await import(
  new URL("scripts/overlay-build.mjs", bitstreams).href
)) as { overlaySources(): string[]; overlayParameters(geometry: OverlayGeometry): Record<string, number> };
const { finishOverlay } = (await import(new URL("vivado/finish.mjs", bitstreams).href)) as {
  finishOverlay(build: { geometry: OverlayGeometry; from: string; to: string }): Record<string, never>;
};

const has = (tool: string, probe: string) => spawnSync(tool, { input: probe }).error === undefined;
const tcl = has("tclsh", "exit\n");
if (!tcl)
  console.warn("Skipped: dry run of the Vivado scripts. On Debian or Ubuntu: sudo apt-get install tcl");

function dryRun(geometry: string, slack = "0.1") {
  const script = fileURLToPath(new URL("record.tcl", import.meta.url));
  const run = spawnSync("tclsh", [script, path("vivado/build.tcl"), geometry, slack], { encoding: "utf8" });
  const calls = run.stdout.split("\n").map((line) => line.split("\t"));
  return { ...run, calls, of: (name: string) => calls.filter(([command]) => command === name) };
}

describe("Vivado build", () => {
  it("has geometry scripts that are not stale", () => {
    const run = spawnSync("node", [path("scripts/generate-vivado.mjs"), "--check"], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
  });

  it("wraps the overlay with exactly its ports and parameters", () => {
    const wrapper = readFileSync(path("vivado/sluice_kv260.v"), "utf8");
    const overlay = readFileSync(path("rtl/sluice_overlay.sv"), "utf8");
    const ports = [...overlay.matchAll(/^ {2}(?:input|output) +logic +(?:\[[^\]]*\] +)?(\w+),?/gm)].map(
      ([, n]) => n,
    );
    const instance = wrapper.slice(wrapper.indexOf("u_overlay ("));
    const connected = [...instance.matchAll(/\.(\w+)\(/g)].map(([, name]) => name);
    expect(connected.sort()).toEqual(ports.sort());
    const parameters = Object.keys(overlayParameters(geometries[0]));
    for (const name of parameters) expect(overlay).toMatch(new RegExp(`parameter int ${name} `));
    expect([...wrapper.matchAll(/parameter (\w+) =/g)].map(([, name]) => name)).toEqual(parameters);
  });

  it("leaves room for every register in the address map", () => {
    const last = Math.max(...Object.values(registers).map(({ offset }) => offset));
    expect(last + 4).toBeLessThanOrEqual(REGISTER_SPACE_BYTES);
    expect(readFileSync(path("vivado/sluice_kv260.v"), "utf8")).toMatch(/\[11:0\] +s_axi_awaddr/);
    expect(2 ** 12).toBe(REGISTER_SPACE_BYTES);
  });
});

describe.skipIf(!tcl)("Vivado build, run without Vivado", () => {
  for (const geometry of geometries) {
    it(`builds ${geometry.id} from all sources, with its parameters and address map`, () => {
      const run = dryRun(geometry.id);
      expect(run.stderr).toBe("");
      expect(run.status).toBe(0);
      const added = run.of("add_files").flatMap((call) => call.at(-1)!.split(" "));
      expect(added).toEqual(expect.arrayContaining([...overlaySources(), path("vivado/sluice_kv260.v")]));
      const set = new Map(run.of("set_property").map(([, name, value]) => [name, value]));
      for (const [name, value] of Object.entries(overlayParameters(geometry))) {
        expect(set.get(`CONFIG.${name}`), name).toBe(String(value));
      }
      const dictionaries = run
        .of("set_property")
        .flatMap(([, flag, list]) => (flag === "-dict" ? [list] : []));
      expect(dictionaries.join(" ")).toContain(`PL0_REF_CTRL__FREQMHZ ${geometry.clockMHz}`);
      const [mapped] = run.of("assign_bd_address");
      expect(mapped.join(" ")).toContain(`-offset 0xa0000000 -range ${REGISTER_SPACE_BYTES}`);
      expect(mapped).toContain("overlay/s_axi/reg0");
      expect(run.of("write_bitstream")).toHaveLength(1);
    });
  }

  it("connects every bus, clock and reset of the overlay once", () => {
    const run = dryRun("p8i8o16");
    const buses = run.of("connect_bd_intf_net").flatMap(([, from, to]) => [from, to]);
    expect(new Set(buses).size).toBe(buses.length);
    expect(buses).toEqual(
      expect.arrayContaining(["overlay/s_axi", "overlay/m_axi_weights", "overlay/m_axi_data"]),
    );
    const driven = run.of("connect_bd_net").map(([, , to]) => to);
    expect(new Set(driven).size).toBe(driven.length);
    expect(driven).toEqual(expect.arrayContaining(["overlay/aclk", "overlay/aresetn", "ps/pl_ps_irq0"]));
  });

  it("writes no bitstream when timing is not met", () => {
    const run = dryRun("p8i8o16", "-0.2");
    expect(run.status).not.toBe(0);
    expect(run.stderr).toContain("Timing is not met");
    expect(run.of("write_bitstream")).toHaveLength(0);
  });

  it("refuses a geometry that does not exist", () => {
    const run = dryRun("p1i1o1");
    expect(run.status).not.toBe(0);
    expect(run.stderr).toContain("There is no geometry p1i1o1");
  });
});

describe("finishing an overlay", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-finish-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const field = (tag: string, text: string) => {
    const bytes = Buffer.from(`${text}\0`, "latin1");
    return Buffer.concat([Buffer.from([tag.charCodeAt(0), 0, bytes.length]), bytes]);
  };
  function bitFile(part: string, data: Buffer) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    return Buffer.concat([
      Buffer.from("00090ff00ff00ff00ff0000001", "hex"),
      field("a", "sluice_kv260_wrapper;UserID=0XFFFFFFFF;Version=2022.2"),
      field("b", part),
      field("c", "2026/01/02"),
      field("d", "03:04:05"),
      Buffer.from("e"),
      length,
      data,
    ]);
  }
  function place(name: string, bit: Buffer) {
    const from = join(folder, name);
    mkdirSync(from, { recursive: true });
    writeFileSync(join(from, "sluice.bit"), bit);
    writeFileSync(join(from, "sluice.hwh"), "<EDKSYSTEM/>");
    return { geometry: geometries[0], from, to: join(folder, `${name}-overlay`) };
  }
  const data = Buffer.from("ffffffffaa99556620000000", "hex");

  it("writes files, hashes and a manifest that the loader's schema accepts", () => {
    const build = place("good", bitFile("xck26-sfvc784-2LV-c", data));
    const manifest = finishOverlay(build) as Record<string, { name: string; sha256: string }>;
    const firmware = readFileSync(join(build.to, manifest.firmware.name));
    expect(firmware.toString("hex")).toBe("ffffffff665599aa00000020");
    expect(createHash("sha256").update(firmware).digest("hex")).toBe(manifest.firmware.sha256);
    expect(manifest.design).toBe("sluice_kv260_wrapper");
    expect(JSON.parse(readFileSync(join(build.to, "shell.json"), "utf8"))).toEqual({
      shell_type: "XRT_FLAT",
      num_slots: "1",
    });
    const parse = (contract as Record<string, unknown>).parseOverlayManifest;
    if (typeof parse === "function")
      parse(readFileSync(join(build.to, "manifest.json"), "utf8"), "manifest.json");
  });

  it("refuses a bitstream for another part and one that ends early", () => {
    expect(() => finishOverlay(place("part", bitFile("xc7z020clg400-1", data)))).toThrow(/xc7z020/);
    const short = bitFile("xck26-sfvc784-2LV-c", data).subarray(0, -4);
    expect(() => finishOverlay(place("short", short))).toThrow(/ends early/);
  });
});
