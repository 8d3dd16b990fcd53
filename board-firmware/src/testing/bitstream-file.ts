/** Files of a Vivado run in miniature: .bit, .hwh and .dtbo with the shapes the real ones have. */
import { createHash } from "node:crypto";
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import { OVERLAY_VERSION } from "@sluice/sdk/overlay";
import { seededRandom } from "../twin/random.js";

export const KV260_PART = "xck26-sfvc784-2LV-c";
export const DESIGN = "sluice_wrapper";

export interface BitOptions {
  readonly design?: string;
  readonly part?: string;
  /** Configuration words; default dummy words, bus width, sync word, then noise. */
  readonly data?: Uint8Array;
}

export function configurationData(seed = 9, words = 1024): Uint8Array {
  const random = seededRandom(seed);
  const data = Buffer.alloc(words * 4, 0xff);
  const head = [0x0000_00bb, 0x1122_0044, 0xffff_ffff, 0xffff_ffff, 0xaa99_5566, 0x2000_0000];
  head.forEach((word, index) => {
    data.writeUInt32BE(word, 32 + index * 4);
  });
  for (let at = 32 + head.length * 4; at < data.length; at += 1) data[at] = Math.floor(random() * 256);
  return new Uint8Array(data);
}

export function bitFile(options: BitOptions = {}): Uint8Array {
  const data = options.data ?? configurationData();
  const text = (tag: string, value: string): Buffer => {
    const body = Buffer.from(`${value}\0`, "latin1");
    const head = Buffer.from([tag.charCodeAt(0), 0, 0]);
    head.writeUInt16BE(body.length, 1);
    return Buffer.concat([head, body]);
  };
  const length = Buffer.from([0x65, 0, 0, 0, 0]);
  length.writeUInt32BE(data.length, 1);
  return new Uint8Array(
    Buffer.concat([
      Buffer.from([0, 9, 0x0f, 0xf0, 0x0f, 0xf0, 0x0f, 0xf0, 0x0f, 0xf0, 0, 0, 1]),
      text("a", `${options.design ?? DESIGN};UserID=0XFFFFFFFF;Version=2023.2`),
      text("b", options.part ?? KV260_PART),
      text("c", "2026/11/20"),
      text("d", "21:07:44"),
      length,
      data,
    ]),
  );
}

export function swapWords(data: Uint8Array): Uint8Array {
  return Uint8Array.from(data, (_, index) => data[(index & ~3) + (3 - (index & 3))]);
}

export interface HandoffOptions {
  readonly base?: string;
  readonly masterWidth?: number;
  readonly memoryWidth?: number;
  readonly clockHertz?: number;
}

export function handoffFile(options: HandoffOptions = {}): string {
  const base = options.base ?? "0xA0000000";
  const high = `0x${(Number(base) + 0xfff).toString(16).toUpperCase()}`;
  return `<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<EDKSYSTEM EDWVERSION="1.2" VIVADOVERSION="2023.2">
  <SYSTEMINFO ARCH="zynquplus" BOARD="xilinx.com:kv260_som:part0:1.4" DEVICE="xck26" NAME="sluice" PACKAGE="sfvc784" SPEEDGRADE="-2LV"/>
  <EXTERNALPORTS/>
  <MODULES>
    <MODULE FULLNAME="/overlay_0" INSTANCE="overlay_0" IPTYPE="PERIPHERAL" MODTYPE="overlay" VLNV="sluice:hw:overlay:1.0">
      <PARAMETERS><PARAMETER NAME="PIXELS" VALUE="8"/></PARAMETERS>
      <PORTS><PORT DIR="I" NAME="clk" SIGIS="clk"/></PORTS>
    </MODULE>
    <MODULE FULLNAME="/zynq_ultra_ps_e_0" INSTANCE="zynq_ultra_ps_e_0" IPTYPE="PROCESSOR" MODTYPE="zynq_ultra_ps_e" VLNV="xilinx.com:ip:zynq_ultra_ps_e:3.5">
      <PARAMETERS>
        <PARAMETER NAME="C_MAXIGP0_DATA_WIDTH" VALUE="${options.masterWidth ?? 32}"/>
        <PARAMETER NAME="C_MAXIGP1_DATA_WIDTH" VALUE="128"/>
        <PARAMETER NAME="C_SAXIGP2_DATA_WIDTH" VALUE="${options.memoryWidth ?? 128}"/>
        <PARAMETER NAME="PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ" VALUE="249.997498"/>
      </PARAMETERS>
      <PORTS>
        <PORT CLKFREQUENCY="${options.clockHertz ?? 249997498}" DIR="O" NAME="pl_clk0" SIGIS="clk"/>
      </PORTS>
      <BUSINTERFACES>
        <BUSINTERFACE NAME="M_AXI_HPM0_FPD" TYPE="MASTER"/>
        <BUSINTERFACE NAME="S_AXI_HP0_FPD" TYPE="SLAVE"/>
      </BUSINTERFACES>
      <MEMORYMAP>
        <MEMRANGE ADDRESSBLOCK="Reg" BASENAME="C_BASEADDR" BASEVALUE="${base}" HIGHVALUE="${high}" INSTANCE="overlay_0" MASTERBUSINTERFACE="M_AXI_HPM0_FPD" MEMTYPE="REGISTER" SLAVEBUSINTERFACE="s_axi"/>
      </MEMORYMAP>
    </MODULE>
  </MODULES>
</EDKSYSTEM>
`;
}

/** Magic and size are right; nobody here compiles the rest. */
export function dtboFile(): Uint8Array {
  const bytes = Buffer.alloc(256);
  bytes.writeUInt32BE(0xd00d_feed, 0);
  bytes.writeUInt32BE(bytes.length, 4);
  return new Uint8Array(bytes);
}

function fileFacts(name: string, bytes: Uint8Array) {
  return { name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** What a build writes: files by name, and the manifest over them. */
export function overlayBuild(geometry: OverlayGeometry, bit = bitFile(), handoff = handoffFile()) {
  const image = swapWords(configurationData());
  const hwh = Buffer.from(handoff);
  const dtbo = dtboFile();
  const { id } = geometry;
  const manifest = {
    format: "sluice-overlay",
    formatVersion: 1,
    geometry: id,
    overlayVersion: OVERLAY_VERSION,
    part: KV260_PART,
    design: DESIGN,
    clock: { pl: 0, megahertz: 250, leastMegahertz: 240 },
    registers: { port: "M_AXI_HPM0_FPD", widthBits: 32, base: "0xa0000000", bytes: 4096 },
    memory: { ports: [{ port: "S_AXI_HP0_FPD", widthBits: 128 }], addressBits: 32, coherent: false },
    interrupt: { uio: "sluice" },
    bitstream: fileFacts(`${id}.bit`, bit),
    firmware: fileFacts(`sluice-${id}.bin`, image),
    hardwareHandoff: fileFacts(`${id}.hwh`, hwh),
    deviceTree: { ...fileFacts(`${id}.dtbo`, dtbo), programsFabric: false },
    builtWith: "Vivado 2023.2",
  };
  const files: Record<string, Uint8Array> = { [`${id}.bit`]: bit, [`${id}.hwh`]: hwh, [`${id}.dtbo`]: dtbo };
  return { manifest, files };
}
