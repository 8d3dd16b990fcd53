/**
 * Data widths of the AXI ports between processing system and fabric. The bitstream fixes the fabric's side; the other
 * side is registers that nobody sets when a bitstream is loaded at run time. A mismatch hangs the first access.
 *
 * The two kinds of ports count in opposite directions: masters (FPD_SLCR and LPD_SLCR afi_fs, UG1087) 32 = 0, 64 = 1,
 * 128 = 2; slaves (AFIFM RDCTRL and WRCTRL) 32 = 2, 64 = 1, 128 = 0.
 */
import type { AxiPortName } from "@sluice/sdk/overlay";
import type { PhysicalMemory } from "../board-files/index.js";
import { hex, refuse } from "./gates.js";

interface WidthField {
  readonly address: number;
  readonly low: number;
  readonly codes: Readonly<Record<number, number>>;
}

const FPD_SLCR_AFI_FS = 0xfd61_5000;
const LPD_SLCR_AFI_FS = 0xff41_9000;
const AFIFM_READ = 0x00;
const AFIFM_WRITE = 0x14;
const FIELD_MASK = 0b11;

const masterCodes = { 32: 0, 64: 1, 128: 2 } as const;
const slaveCodes = { 32: 2, 64: 1, 128: 0 } as const;

const master = (address: number, low: number): WidthField[] => [{ address, low, codes: masterCodes }];
const slave = (base: number): WidthField[] =>
  [AFIFM_READ, AFIFM_WRITE].map((offset) => ({ address: base + offset, low: 0, codes: slaveCodes }));

export const axiWidthFields: Readonly<Record<AxiPortName, readonly WidthField[]>> = {
  M_AXI_HPM0_FPD: master(FPD_SLCR_AFI_FS, 8),
  M_AXI_HPM1_FPD: master(FPD_SLCR_AFI_FS, 10),
  M_AXI_HPM0_LPD: master(LPD_SLCR_AFI_FS, 8),
  S_AXI_HPC0_FPD: slave(0xfd36_0000),
  S_AXI_HPC1_FPD: slave(0xfd37_0000),
  S_AXI_HP0_FPD: slave(0xfd38_0000),
  S_AXI_HP1_FPD: slave(0xfd39_0000),
  S_AXI_HP2_FPD: slave(0xfd3a_0000),
  S_AXI_HP3_FPD: slave(0xfd3b_0000),
  S_AXI_LPD: slave(0xff9b_0000),
};

export interface PortWidth {
  readonly port: AxiPortName;
  readonly widthBits: number;
}

/** Width in bits the registers hold now; undefined for a code that means none. Read and write side must agree. */
export function readPortWidth(memory: PhysicalMemory, port: AxiPortName): number | undefined {
  const widths = axiWidthFields[port].map(({ address, low, codes }) => {
    const code = (memory.read(address) >>> low) & FIELD_MASK;
    const width = Object.entries(codes).find(([, value]) => value === code)?.[0];
    return width === undefined ? undefined : Number(width);
  });
  return widths.every((width) => width === widths[0]) ? widths[0] : undefined;
}

/** Sets the widths a design needs and reads them back. @throws {LoaderError} `gate-axi-width` */
export function passAxiWidthGate(memory: PhysicalMemory, ports: readonly PortWidth[]): string {
  for (const { port, widthBits } of ports) {
    for (const { address, low, codes } of axiWidthFields[port]) {
      const before = memory.read(address);
      const cleared = before & ~(FIELD_MASK << low);
      const wanted = (cleared | (codes[widthBits] << low)) >>> 0;
      if (wanted !== before) memory.write(address, wanted);
      const after = memory.read(address);
      if (((after >>> low) & FIELD_MASK) === codes[widthBits]) continue;
      throw refuse("axi-width", `The width of ${port} cannot be set to what the overlay was built with.`, {
        place: `register ${hex(address)}, bits ${low + 1}:${low}`,
        expected: `${codes[widthBits]} (${widthBits} bits)`,
        found: `${(after >>> low) & FIELD_MASK} (register ${hex(after)})`,
        hint: "Check that the kernel lets /dev/mem write this register; the first access would hang otherwise.",
        details: { port, before, after },
      });
    }
  }
  return ports.map(({ port, widthBits }) => `${port} ${widthBits} bits`).join(", ");
}
