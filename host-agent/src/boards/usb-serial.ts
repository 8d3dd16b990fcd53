/**
 * KV260 carriers on USB. The carrier's FT4232H has four interfaces; the second is the board's UART. Its name under
 * by-id stays the same when other programs make the ttyUSB numbers move.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

const CARRIER = /^usb-Xilinx_ML_Carrier_Card_(.+)-if01-port0$/;

export interface UsbBoard {
  readonly path: string;
  /** The carrier's serial number. */
  readonly serialNumber: string;
}

/** @param directory default /dev/serial/by-id; a system without it has no USB serial ports */
export function usbBoards(directory = "/dev/serial/by-id"): UsbBoard[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return []; // the folder exists only while something is plugged in
  }
  return names.flatMap((name) => {
    const match = CARRIER.exec(name);
    return match ? [{ path: join(directory, name), serialNumber: match[1] }] : [];
  });
}
