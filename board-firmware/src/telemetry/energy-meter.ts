/**
 * Energy per inference from a slow power sensor. Power is sampled at the sensor's own pace; every interval is either
 * quiet or touched by a run. The energy of the touched intervals, less what the idle board takes in the same time, is
 * shared among the inferences that finished in them. Runs shorter than an interval are measured right that way: the
 * quiet part of a touched interval cancels against the idle power.
 *
 * The 95 % interval is Student's, from the spread of idle and of busy samples, and from the sensor's step. Samples are
 * taken as independent; a board whose power drifts slowly has a wider truth than that.
 */

export interface EnergyEstimate {
  /** Above idle. */
  readonly joulesPerInference: number;
  /** 95 % confidence interval of the mean, in joules. */
  readonly interval: readonly [low: number, high: number];
  readonly inferences: number;
  readonly idleWatts: number;
  readonly busyWatts: number;
  readonly busySamples: number;
  readonly idleSamples: number;
}

export interface EnergyMeterOptions {
  /** Milliseconds between samples; the INA260 gives six or seven readings a second. Default 160. */
  readonly intervalMs?: number;
  /** Size of the sensor's steps, in watts. Default 0.01. */
  readonly stepWatts?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

const FEWEST_SAMPLES = 5;

/** Mean and spread without keeping the samples. */
class Spread {
  count = 0;
  mean = 0;
  #squares = 0;

  add(value: number): void {
    this.count += 1;
    const away = value - this.mean;
    this.mean += away / this.count;
    this.#squares += away * (value - this.mean);
  }

  /** Variance of the mean; a sensor that rounds to steps hides a variance of step^2 / 12. */
  meanVariance(step: number): number {
    return (this.#squares / (this.count - 1) + step ** 2 / 12) / this.count;
  }
}

export class EnergyMeter {
  readonly #read: () => number | undefined;
  readonly #stepWatts: number;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #idle = new Spread();
  #busy = new Spread();
  #busySeconds = 0;
  #inferences = 0;
  /** Finished in the interval that is going on. */
  #finished = 0;
  #running = false;
  #touched = false;
  #spoilt = false;
  #last: number;

  /** @param read watts, or undefined when there is no sensor */
  constructor(read: () => number | undefined, options: EnergyMeterOptions = {}) {
    this.#read = read;
    this.#stepWatts = options.stepWatts ?? 0.01;
    this.#now = options.now ?? (() => performance.now());
    this.#last = this.#now();
    this.#timer = setInterval(() => this.sample(), options.intervalMs ?? 160).unref();
  }

  runStarted(): void {
    this.#running = true;
    this.#touched = true;
  }

  /** @param inferences finished by the run; 0 when it failed, which spoils what was measured meanwhile */
  runEnded(inferences: number): void {
    this.#running = false;
    this.#touched = true;
    this.#finished += inferences;
    if (inferences === 0) this.#spoilt = true;
  }

  /** Ends an interval. The timer calls it. */
  sample(): void {
    const now = this.#now();
    const seconds = (now - this.#last) / 1e3;
    this.#last = now;
    const watts = this.#read();
    if (this.#spoilt) this.#startOver();
    if (watts !== undefined) {
      if (this.#touched) {
        this.#busy.add(watts);
        this.#busySeconds += seconds;
        this.#inferences += this.#finished;
      } else {
        this.#idle.add(watts);
      }
    }
    this.#finished = 0;
    this.#touched = this.#running;
  }

  /** The estimate, or why there is none yet. */
  estimate(): EnergyEstimate | string {
    const [idle, busy] = [this.#idle, this.#busy];
    if (idle.count < FEWEST_SAMPLES) return `${idle.count} of ${FEWEST_SAMPLES} idle power samples so far`;
    if (busy.count < FEWEST_SAMPLES) return `${busy.count} of ${FEWEST_SAMPLES} busy power samples so far`;
    if (this.#inferences === 0) return "no inference has finished while power was sampled";
    const share = this.#busySeconds / this.#inferences;
    const joules = (busy.mean - idle.mean) * share;
    const error = Math.sqrt(busy.meanVariance(this.#stepWatts) + idle.meanVariance(this.#stepWatts)) * share;
    const reach = student95(Math.min(idle.count, busy.count) - 1) * error;
    return {
      joulesPerInference: joules,
      interval: [joules - reach, joules + reach],
      inferences: this.#inferences,
      idleWatts: idle.mean,
      busyWatts: busy.mean,
      busySamples: busy.count,
      idleSamples: idle.count,
    };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #startOver(): void {
    this.#busy = new Spread();
    this.#busySeconds = 0;
    this.#inferences = 0;
    this.#finished = 0;
    this.#spoilt = false;
  }
}

const studentTable: readonly (readonly [freedom: number, quantile: number])[] = [
  [4, 2.776],
  [5, 2.571],
  [6, 2.447],
  [8, 2.306],
  [10, 2.228],
  [15, 2.131],
  [20, 2.086],
  [30, 2.042],
  [60, 2.0],
  [120, 1.98],
];

/** Two-sided 95 % quantile of Student's t; between the table's lines the larger one, to be on the safe side. */
export function student95(freedom: number): number {
  return studentTable.findLast(([least]) => least <= freedom)?.[1] ?? 12.706;
}
