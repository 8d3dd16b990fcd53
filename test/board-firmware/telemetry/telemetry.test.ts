/** Telemetry: sensors by name, "not available" instead of zero, and energy with a confidence interval. */
import { chmodSync } from "node:fs";
import { DevMem } from "@sluice/board-firmware/board-files";
import {
  BoardTelemetry,
  EnergyMeter,
  readPower,
  readTemperatures,
  student95,
} from "@sluice/board-firmware/telemetry";
import { type Kv260Tree, makeKv260Tree } from "@sluice/board-firmware/testing/kv260-tree.js";
import { status } from "@sluice/sdk/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

const trees: Kv260Tree[] = [];
const tree = (): Kv260Tree => {
  trees.push(makeKv260Tree());
  return trees[trees.length - 1];
};
afterEach(() => {
  for (const made of trees.splice(0)) made.cleanup();
});

const clockOf = (made: Kv260Tree) => ({ memory: { read: made.readMem, write: made.writeMem }, pl: 0 });

describe("sensors", () => {
  it("finds the INA260 by name, whatever its index", () => {
    const made = tree();
    expect(readPower(made.files)).toEqual({ watts: 3.82, amperes: 0.763, volts: 5.012 });
    made.remove("/sys/class/hwmon/hwmon2");
    made.put("/sys/class/hwmon/hwmon11/name", "ina260_u14\n");
    made.put("/sys/class/hwmon/hwmon11/power1_input", "4110000\n");
    expect(readPower(made.files)).toEqual({ watts: 4.11, amperes: undefined, volts: undefined });
  });

  it("works out degrees from raw, offset and scale", () => {
    expect(readTemperatures(tree().files).ps).toBeCloseTo(((42_012 - 36_058) * 7.771514892) / 1e3, 6);
  });

  it("names what is absent, unreadable or empty, and never says zero", () => {
    const made = tree();
    made.remove("/sys/class/hwmon/hwmon2/power1_input");
    made.remove("/sys/bus/iio");
    made.put("/proc/meminfo", "MemTotal:        4025748 kB\n");
    made.remove("/dev/mem");
    const telemetry = new BoardTelemetry(made.files, {
      memory: { read: () => 0, write: () => undefined },
      pl: 0,
    });
    const readings = telemetry.readings();
    telemetry.close();
    expect(Object.keys(readings)).toEqual([
      "power",
      "temperature",
      "clock",
      "memory free",
      "contiguous memory free",
      "energy per inference",
    ]);
    for (const reading of Object.values(readings)) {
      expect(reading).toMatchObject({ available: false, reason: expect.stringMatching(/^not available: /) });
    }
    expect(() => status.reply.parse({ ...emptyStatus, readings })).not.toThrow();
  });

  it("fits into a status reply", () => {
    const made = tree();
    const telemetry = new BoardTelemetry(made.files, clockOf(made));
    const readings = telemetry.readings();
    telemetry.close();
    expect(status.reply.parse({ ...emptyStatus, readings }).readings.power).toEqual({
      available: true,
      value: 3.82,
      unit: "W",
    });
  });

  it("says that a sensor may not be read", () => {
    const made = tree();
    chmodSync(made.root, 0o755);
    chmodSync(made.files.locate("/sys/class/hwmon/hwmon2/power1_input"), 0o000);
    const telemetry = new BoardTelemetry(made.files, { memory: new DevMem(made.files), pl: 0 });
    const asRoot = process.getuid?.() === 0;
    if (asRoot) process.seteuid?.(65_534);
    try {
      expect(telemetry.readings().power).toMatchObject({
        available: false,
        reason: expect.stringContaining("EACCES"),
      });
    } finally {
      if (asRoot) process.seteuid?.(0);
      telemetry.close();
    }
  });
});

const emptyStatus = {
  uptimeMs: 1,
  frames: 0,
  storeUsedBytes: 0,
  storeCapacityBytes: 1,
  residentBytes: 1,
  security: { authenticated: 0, refused: {} },
};

describe("EnergyMeter", () => {
  /** Drives the meter through a made-up run with known power. */
  function measure(options: {
    idleWatts: number;
    inferenceMillijoules: number;
    noise: number;
    perInterval: number;
    seed: number;
  }) {
    const random = seededRandom(options.seed);
    const noise = (): number => (random.next() + random.next() + random.next() - 1.5) * options.noise;
    let now = 0;
    let watts = 0;
    const meter = new EnergyMeter(() => watts, { now: () => now, intervalMs: 1e6 });
    const interval = (inferences: number): void => {
      now += 160;
      watts = options.idleWatts + (inferences * options.inferenceMillijoules) / 160 + noise();
      if (inferences > 0) {
        meter.runStarted();
        meter.runEnded(inferences);
      }
      meter.sample();
    };
    for (let index = 0; index < 40; index += 1) interval(0);
    for (let index = 0; index < 100; index += 1) interval(options.perInterval);
    meter.close();
    return { meter, interval };
  }

  it("subtracts idle power and brackets the true energy", () => {
    let inside = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const { meter } = measure({
        idleWatts: 3.8,
        inferenceMillijoules: 4,
        noise: 0.1,
        perInterval: 20,
        seed,
      });
      const estimate = meter.estimate();
      if (typeof estimate === "string") throw new Error(estimate);
      expect(estimate.idleWatts).toBeCloseTo(3.8, 1);
      expect(estimate.inferences).toBe(2000);
      const [low, high] = estimate.interval;
      if (low <= 4e-3 && 4e-3 <= high) inside += 1;
    }
    // 95 % of 200 is 190; five standard deviations of the binomial are 15.
    expect(inside).toBeGreaterThanOrEqual(175);
  });

  it("says why there is no figure yet, and starts over after a run that failed", () => {
    let now = 0;
    const meter = new EnergyMeter(() => 4, { now: () => now, intervalMs: 1e6 });
    const tick = (): void => {
      now += 160;
      meter.sample();
    };
    expect(meter.estimate()).toBe("0 of 5 idle power samples so far");
    for (let index = 0; index < 6; index += 1) tick();
    expect(meter.estimate()).toBe("0 of 5 busy power samples so far");
    for (let index = 0; index < 6; index += 1) {
      meter.runStarted();
      meter.runEnded(3);
      tick();
    }
    expect(meter.estimate()).toMatchObject({ inferences: 18, joulesPerInference: 0 });
    meter.runStarted();
    meter.runEnded(0);
    tick();
    expect(meter.estimate()).toBe("1 of 5 busy power samples so far");
    meter.close();
  });

  it("takes no sample where there is no sensor", () => {
    const meter = new EnergyMeter(() => undefined, { intervalMs: 1e6 });
    for (let index = 0; index < 10; index += 1) meter.sample();
    expect(meter.estimate()).toBe("0 of 5 idle power samples so far");
    meter.close();
  });

  it("uses Student's quantiles", () => {
    expect([4, 7, 30, 1000].map(student95)).toEqual([2.776, 2.447, 2.042, 1.98]);
  });
});
