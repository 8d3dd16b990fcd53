/** Registers by name, and the few composite accesses the driver needs. */
import { type RegisterName, registers } from "@sluice/sdk/overlay";
import type { OverlayDevice } from "../device/overlay-device.js";

type BasePair = "IMAGE_BASE" | "INPUT_BASE" | "OUTPUT_BASE" | "SCRATCH_BASE";

export function readNamed(device: OverlayDevice, name: RegisterName): number {
  return device.readRegister(registers[name].offset) >>> 0;
}

export function writeNamed(device: OverlayDevice, name: RegisterName, value: number): void {
  device.writeRegister(registers[name].offset, value >>> 0);
}

/** A DDR address goes into a pair of registers, low half first. */
export function writeAddress(device: OverlayDevice, pair: BasePair, address: bigint): void {
  writeNamed(device, `${pair}_LO`, Number(address & 0xffff_ffffn));
  writeNamed(device, `${pair}_HI`, Number(address >> 32n));
}

/**
 * The 64-bit cycle counter as a number (exact up to 2^53 cycles, more than a year at 250 MHz). The upper half is read
 * twice, because the lower one may carry into it between two reads.
 */
export function readCycles(device: OverlayDevice): number {
  for (;;) {
    const high = readNamed(device, "CYCLES_HI");
    const low = readNamed(device, "CYCLES_LO");
    if (readNamed(device, "CYCLES_HI") === high) return high * 2 ** 32 + low;
  }
}

/** Every readable register as hexadecimal text, for error reports. */
export function dumpRegisters(device: OverlayDevice): Record<string, string> {
  const dump: Record<string, string> = {};
  for (const [name, spec] of Object.entries(registers)) {
    if (spec.access === "wo") continue;
    dump[name] = `0x${(device.readRegister(spec.offset) >>> 0).toString(16).padStart(8, "0")}`;
  }
  return dump;
}
