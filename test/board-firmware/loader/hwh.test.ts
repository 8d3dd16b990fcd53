/** The hardware handoff: what the loader takes from it, and what it refuses. */
import { parseHardwareHandoff } from "@sluice/board-firmware/loader";
import { handoffFile } from "@sluice/board-firmware/testing/bitstream-file.js";
import { describe, expect, it } from "vitest";

describe("parseHardwareHandoff", () => {
  it("gives blocks, addresses, clocks, and the widths of the ports in use only", () => {
    const handoff = parseHardwareHandoff(handoffFile());
    expect(handoff).toMatchObject({ device: "xck26", package: "sfvc784", speedGrade: "-2LV" });
    expect(handoff.blocks.map(({ instance, vlnv }) => [instance, vlnv])).toEqual([
      ["overlay_0", "sluice:hw:overlay:1.0"],
      ["zynq_ultra_ps_e_0", "xilinx.com:ip:zynq_ultra_ps_e:3.5"],
    ]);
    expect(handoff.addresses).toEqual([
      { instance: "overlay_0", block: "Reg", master: "M_AXI_HPM0_FPD", base: 0xa000_0000, bytes: 4096 },
    ]);
    expect(handoff.plClocks).toEqual({ 0: 249.997498 });
    expect(handoff.portWidths).toEqual({ M_AXI_HPM0_FPD: 32, S_AXI_HP0_FPD: 128 });
  });

  it.each([
    ["cut off", handoffFile().slice(0, 900), "well-formed XML"],
    ["another document", "<html><body/></html>", "one element EDKSYSTEM"],
    ["entities", `<!DOCTYPE x [<!ENTITY a "aaaa">]>${handoffFile()}`, "no document type"],
    ["no processing system", handoffFile().replaceAll("zynq_ultra_ps_e", "mb"), "a zynq_ultra_ps_e block"],
    [
      "no address",
      handoffFile({ base: "0xA0000000" }).replace('BASEVALUE="0xA0000000"', 'BASEVALUE="?"'),
      "an address range",
    ],
  ])("refuses: %s", (_, text, expected) => {
    expect(() => parseHardwareHandoff(text)).toThrow(
      expect.objectContaining({ code: "bad-handoff", expected: expect.stringContaining(expected) }),
    );
  });
});
