/** The board's sensors: hwmon by name (the index varies from boot to boot) and the system monitor through IIO. */
import { SluiceError } from "@sluice/sdk/errors.js";
import type { Reading } from "@sluice/sdk/protocol";
import type { BoardFiles } from "../board-files/index.js";

const HWMON = "/sys/class/hwmon";
const IIO = "/sys/bus/iio/devices";
/** The INA260 that measures the whole module; 10 mW steps, six or seven readings a second. */
const POWER_SENSOR = /^ina260[_-]u14$/;
const SYSTEM_MONITOR = /^(xilinx-ams|ams|zynqmp-ams)$/;

export interface Power {
  readonly watts: number;
  readonly amperes?: number;
  readonly volts?: number;
}

export const available = (value: number, unit: string): Reading => ({ available: true, value, unit });
export const notAvailable = (reason: string): Reading => ({
  available: false,
  reason: `not available: ${reason}`,
});

/** The reading, or why there is none. */
export function attempt(read: () => Reading): Reading {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return notAvailable(error.found ? `${error.message} (${error.found})` : error.message);
  }
}

export function findByName(files: BoardFiles, parent: string, name: RegExp): string | undefined {
  return files
    .list(parent)
    .map((entry) => `${parent}/${entry}`)
    .find((folder) => files.exists(`${folder}/name`) && name.test(files.readText(`${folder}/name`)));
}

/** Undefined when there is no such number in the file, or no file. */
function numberIn(files: BoardFiles, path: string): number | undefined {
  if (!files.exists(path)) return undefined;
  const text = files.readText(path);
  const value = Number(text);
  return text === "" || !Number.isFinite(value) ? undefined : value;
}

/** @throws {LoaderError} `permission-denied`, ... @returns undefined when the board has no INA260 by that name */
export function readPower(files: BoardFiles): Power | undefined {
  const folder = findByName(files, HWMON, POWER_SENSOR);
  const microwatts = folder && numberIn(files, `${folder}/power1_input`);
  if (folder === undefined || microwatts === undefined) return undefined;
  const milliamperes = numberIn(files, `${folder}/curr1_input`);
  const millivolts = numberIn(files, `${folder}/in1_input`);
  return {
    watts: (microwatts as number) / 1e6,
    amperes: milliamperes === undefined ? undefined : milliamperes / 1e3,
    volts: millivolts === undefined ? undefined : millivolts / 1e3,
  };
}

/** Degrees Celsius by name: "ps", "pl", ... as the system monitor calls them. */
export function readTemperatures(files: BoardFiles): Record<string, number> {
  const found: Record<string, number> = {};
  const monitor = findByName(files, IIO, SYSTEM_MONITOR);
  for (const entry of monitor ? files.list(monitor) : []) {
    const match = /^(in_temp\d+(?:_(\w+))?)_raw$/.exec(entry);
    if (!match) continue;
    const raw = numberIn(files, `${monitor}/${entry}`);
    const scale = numberIn(files, `${monitor}/${match[1]}_scale`);
    const offset = numberIn(files, `${monitor}/${match[1]}_offset`) ?? 0;
    if (raw === undefined || scale === undefined) continue;
    found[(match[2] ?? match[1]).replace(/_temp$/, "")] = ((raw + offset) * scale) / 1e3;
  }
  for (const entry of files.list(HWMON)) {
    const folder = `${HWMON}/${entry}`;
    const millidegrees = numberIn(files, `${folder}/temp1_input`);
    if (millidegrees === undefined || !files.exists(`${folder}/name`)) continue;
    found[files.readText(`${folder}/name`)] ??= millidegrees / 1e3;
  }
  return found;
}
