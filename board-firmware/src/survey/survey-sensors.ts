/** Power and temperatures. */
import type { BoardFiles } from "../board-files/index.js";
import { readPower, readTemperatures } from "../telemetry/sensors.js";
import { differs, holds, look, type SurveyFinding } from "./finding.js";

/** Idle lies at 3.2 to 4.8 W depending on the image; a module under load takes no more than this. */
const PLAUSIBLE_WATTS = { least: 1, most: 30 };

export function surveySensors(files: BoardFiles): SurveyFinding[] {
  return [power(files), temperatures(files)];
}

function power(files: BoardFiles): SurveyFinding {
  const fact = "Power (INA260)";
  return look(fact, () => {
    const reading = readPower(files);
    if (!reading) {
      return differs(
        fact,
        "not available: no hwmon is called ina260_u14",
        "cat /sys/class/hwmon/hwmon*/name",
      );
    }
    const { watts, amperes, volts } = reading;
    const found = `${watts.toFixed(2)} W${amperes === undefined ? "" : `, ${amperes} A`}${volts === undefined ? "" : `, ${volts} V`}`;
    return watts >= PLAUSIBLE_WATTS.least && watts <= PLAUSIBLE_WATTS.most
      ? holds(fact, found)
      : differs(
          fact,
          `${found}: not plausible for the whole module`,
          "cat /sys/class/hwmon/hwmon*/power1_input",
        );
  });
}

function temperatures(files: BoardFiles): SurveyFinding {
  const fact = "Temperatures";
  return look(fact, () => {
    const found = Object.entries(readTemperatures(files)).map(
      ([name, degrees]) => `${name} ${degrees.toFixed(1)} °C`,
    );
    return found.length > 0
      ? holds(fact, found.join(", "))
      : differs(fact, "not available", "cat /sys/bus/iio/devices/*/name (xilinx-ams is expected)");
  });
}
