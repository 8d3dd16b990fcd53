/** Everything the board can say about itself, by name; what it cannot read is "not available", with the reason. */
import type { Reading } from "@sluice/sdk/protocol";
import type { BoardFiles, PhysicalMemory } from "../board-files/index.js";
import { readPlClock } from "../loader/pl-clock.js";
import { EnergyMeter, type EnergyMeterOptions } from "./energy-meter.js";
import { memoryLeft } from "./memory-left.js";
import { attempt, available, notAvailable, readPower, readTemperatures } from "./sensors.js";

export interface ClockSource {
  readonly memory: PhysicalMemory;
  /** PL clock of the overlay, 0..3. */
  readonly pl: number;
}

export class BoardTelemetry {
  readonly energy: EnergyMeter;
  readonly #files: BoardFiles;
  readonly #clock: ClockSource;

  constructor(files: BoardFiles, clock: ClockSource, options: EnergyMeterOptions = {}) {
    this.#files = files;
    this.#clock = clock;
    this.energy = new EnergyMeter(() => {
      const reading = attempt(() => this.#power());
      return reading.available ? reading.value : undefined;
    }, options);
  }

  readings(): Record<string, Reading> {
    const files = this.#files;
    return {
      power: attempt(() => this.#power()),
      ...this.#temperatures(),
      clock: attempt(() => this.#plClock()),
      "memory free": attempt(() => bytesOrNot(memoryLeft(files).availableBytes, "MemAvailable")),
      "contiguous memory free": attempt(() => bytesOrNot(memoryLeft(files).cmaFreeBytes, "CmaFree")),
      ...this.#energyReadings(),
    };
  }

  close(): void {
    this.energy.close();
  }

  #power(): Reading {
    const power = readPower(this.#files);
    return power ? available(power.watts, "W") : notAvailable("no hwmon is called ina260_u14");
  }

  #temperatures(): Record<string, Reading> {
    let found: Record<string, number> = {};
    const failed = attempt(() => {
      found = readTemperatures(this.#files);
      return notAvailable("no temperature sensor in hwmon or IIO");
    });
    const names = Object.keys(found);
    if (names.length === 0) return { temperature: failed };
    const hottest = Math.max(...Object.values(found));
    const each = names.map((name) => [`temperature ${name}`.slice(0, 64), available(found[name], "°C")]);
    return { temperature: available(hottest, "°C"), ...Object.fromEntries(each) };
  }

  #plClock(): Reading {
    const { megahertz } = readPlClock(this.#clock.memory, this.#clock.pl);
    return megahertz > 0 ? available(megahertz, "MHz") : notAvailable("the clock is stopped");
  }

  #energyReadings(): Record<string, Reading> {
    const estimate = this.energy.estimate();
    if (typeof estimate === "string") return { "energy per inference": notAvailable(estimate) };
    const [low, high] = estimate.interval;
    return {
      "energy per inference": available(estimate.joulesPerInference * 1e3, "mJ"),
      "energy per inference, 95 % low": available(low * 1e3, "mJ"),
      "energy per inference, 95 % high": available(high * 1e3, "mJ"),
      "idle power": available(estimate.idleWatts, "W"),
    };
  }
}

function bytesOrNot(bytes: number | undefined, name: string): Reading {
  return bytes === undefined ? notAvailable(`/proc/meminfo has no ${name}`) : available(bytes, "B");
}
