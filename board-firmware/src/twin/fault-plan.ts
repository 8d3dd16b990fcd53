/**
 * Which faults strike, and when. A fault strikes at its first opportunity, at the Nth (`dma-stall@3`), or at each with a
 * probability (`frame-lost:0.01`); what an opportunity is stands in the fault table.
 *
 *   const plan = new FaultPlan(["bit-flip-weights@2"], { seed: 7 });
 *   const board = await runBoard({ faults: plan, tcp: { port: 0 } });
 */
import { DeviceError } from "@sluice/sdk/errors.js";
import { type FaultId, faultTable } from "./fault-table.js";
import { seededRandom } from "./random.js";

export interface PlannedFault {
  readonly id: FaultId;
  /** Strikes at this opportunity only, counted from 1. */
  readonly at?: number;
  /** Strikes at every opportunity with this probability. */
  readonly probability?: number;
}

export interface FaultPlanOptions {
  /** Decides everything random. Default 1. */
  readonly seed?: number;
  /** How long an unplugged cable stays out, in milliseconds. Default 1,000. */
  readonly outageMs?: number;
  /** What a brown-out does. Default: this process kills itself with SIGKILL. */
  readonly die?: () => void;
  readonly onStrike?: (fault: FaultId) => void;
}

/** "NAME", "NAME@N" or "NAME:p". @throws {DeviceError} `bad-fault` */
export function parseFault(text: string): PlannedFault {
  const match = /^([a-z-]+)(?:@(\d{1,9})|:(\d*\.?\d+(?:e-?\d+)?))?$/.exec(text);
  const known = match && faultTable.find(({ id }) => id === match[1]);
  const at = match?.[2] === undefined ? undefined : Number(match[2]);
  const probability = match?.[3] === undefined ? undefined : Number(match[3]);
  const sound = at !== 0 && (probability === undefined || (probability > 0 && probability <= 1));
  if (!known || !sound) {
    throw new DeviceError("bad-fault", `"${text}" names no fault the twin knows.`, {
      place: "--fault",
      expected: "NAME, NAME@N (the Nth opportunity) or NAME:p (with probability p at each)",
      found: text,
      hint: "`sluice board --fault list` shows the names.",
    });
  }
  return { id: known.id, at, probability };
}

export function formatFault({ id, at, probability }: PlannedFault): string {
  if (probability !== undefined) return `${id}:${probability}`;
  return at === undefined ? id : `${id}@${at}`;
}

const realNow = Date.now;

export class FaultPlan {
  readonly faults: readonly PlannedFault[];
  readonly outageMs: number;
  readonly die: () => void;
  /** How often each fault has struck. */
  readonly struck = new Map<FaultId, number>();
  readonly #opportunities = new Map<FaultId, number>();
  readonly #random: () => number;
  #onStrike: ((fault: FaultId) => void) | undefined;
  #downUntil = Number.NEGATIVE_INFINITY;

  /** @throws {DeviceError} `bad-fault` */
  constructor(faults: readonly (string | PlannedFault)[], options: FaultPlanOptions = {}) {
    this.faults = faults.map((fault) => (typeof fault === "string" ? parseFault(fault) : fault));
    this.outageMs = options.outageMs ?? 1_000;
    this.die = options.die ?? (() => process.kill(process.pid, "SIGKILL"));
    this.#onStrike = options.onStrike;
    this.#random = seededRandom(options.seed ?? 1);
  }

  /** Is any of these planned at all? */
  has(...ids: readonly FaultId[]): boolean {
    return this.faults.some(({ id }) => ids.includes(id));
  }

  /** Strikes so far, of all faults. */
  get strikes(): number {
    return [...this.struck.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Tells somebody else as well. */
  watch(onStrike: (fault: FaultId) => void): void {
    const before = this.#onStrike;
    this.#onStrike = (fault) => {
      before?.(fault);
      onStrike(fault);
    };
  }

  /** Counts an opportunity and says whether the fault strikes now. */
  strike(id: FaultId): boolean {
    if (!this.has(id)) return false;
    const opportunity = (this.#opportunities.get(id) ?? 0) + 1;
    this.#opportunities.set(id, opportunity);
    const now = this.faults.some((fault) => {
      if (fault.id !== id) return false;
      if (fault.probability !== undefined) return this.#random() < fault.probability;
      return opportunity === (fault.at ?? 1);
    });
    if (!now) return false;
    this.struck.set(id, (this.struck.get(id) ?? 0) + 1);
    this.#onStrike?.(id);
    return true;
  }

  /** An integer in [0, count). */
  pick(count: number): number {
    return Math.floor(this.#random() * count);
  }

  /** The cable is out from now on for a while. */
  unplug(): void {
    this.#downUntil = performance.now() + this.outageMs;
  }

  get unplugged(): boolean {
    return performance.now() < this.#downUntil;
  }

  /** Moves this process's time of day by up to a day, either way. */
  skewClock(): void {
    const skew = Math.round((2 * this.#random() - 1) * 24 * 3_600_000);
    Date.now = () => realNow.call(Date) + skew;
  }

  /** The time of day is right again. */
  end(): void {
    Date.now = realNow;
  }
}
