/** Power and temperatures. */
import type { BoardFiles } from "../board-files/index.js";
import { attempt, available, notAvailable, readPower, readTemperatures } from "../telemetry/sensors.js";
import { differs, holds, look, type SurveyFinding, unseen } from "./finding.js";

/** Idle lies at 3.2 to 4.8 W depending on the image; a module under load takes no more than this. */
const PLAUSIBLE_WATTS = { least: 1, most: 30 };

/** The energy meter counts on steps of 10 mW and on six or seven new readings a second. */
const STEP_MICROWATTS = 10_000;
const MOST_READINGS_A_SECOND = 9;
const WATCH_MS = 1_500;
const POLL_MS = 15;

export async function surveySensors(files: BoardFiles, watchMs = WATCH_MS): Promise<SurveyFinding[]> {
  return [power(files), await pace(files, watchMs), temperatures(files)];
}

/** Watches the sensor for a while: how often a new value comes, and in which steps. */
async function pace(files: BoardFiles, watchMs: number): Promise<SurveyFinding> {
  const fact = "Pace of the power sensor";
  const values: number[] = [];
  const started = performance.now();
  while (performance.now() - started < watchMs) {
    const reading = attempt(() => {
      const found = readPower(files);
      return found ? available(found.watts, "W") : notAvailable("no hwmon is called ina260_u14");
    });
    if (!reading.available) return unseen(fact, reading.reason, "cat /sys/class/hwmon/hwmon*/name");
    const microwatts = Math.round(reading.value * 1e6);
    if (values.at(-1) !== microwatts) values.push(microwatts);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const seconds = (performance.now() - started) / 1e3;
  const rate = (values.length - 1) / seconds;
  const found = `${rate.toFixed(1)} new values a second`;
  if (values.some((value) => value % STEP_MICROWATTS !== 0)) {
    return differs(
      fact,
      `${found}, not in steps of 10 mW`,
      "report this: the energy interval counts on 10 mW steps",
    );
  }
  if (values.length === 1)
    return unseen(fact, `the same value for ${seconds.toFixed(1)} s`, "run it while a model runs");
  return rate <= MOST_READINGS_A_SECOND
    ? holds(fact, `${found}, steps of 10 mW`)
    : differs(fact, found, "report this: the energy meter samples every 160 ms");
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
