/** Boards that can be reached from here, the most certain first. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

export interface FoundBoard {
  readonly name: string;
  /** As `--link` takes it. */
  readonly link: string;
  /** "USB serial id", "mDNS", "configuration". */
  readonly foundBy: string;
}

const SERIAL_BY_ID = "/dev/serial/by-id";
/** The KV260's FT4232H: interface 1 is the console of the processing system. */
const KV260_CONSOLE = /^usb-Xilinx_ML_Carrier_Card_.*-if01-port0$/;

export async function findBoards(): Promise<FoundBoard[]> {
  const ports = existsSync(SERIAL_BY_ID) ? readdirSync(SERIAL_BY_ID) : [];
  return ports
    .filter((name) => KV260_CONSOLE.test(name))
    .map((name) => ({ name: "KV260", link: `serial:${join(SERIAL_BY_ID, name)}`, foundBy: "USB serial id" }));
}
