/**
 * The fabric's clocks, PL0..PL3 of CRL_APB (UG1087). Only divisions of a PLL by whole numbers can be reached: from
 * 999.99 MHz that is ..., 199.998, 249.9975, 333.33. Loading an app can put a clock back to 100 MHz, so it is set and
 * read back after every load.
 */
import type { PhysicalMemory } from "../board-files/index.js";
import { hex, refuse } from "./gates.js";

const CRL_APB = 0xff5e_0000;
const PL0_REF_CTRL = CRL_APB + 0xc0;
/** The board's oscillator in MHz, and the PLLs by SRCSEL. */
const REFERENCE_MHZ = 33.333;
const pllControl: Readonly<Record<number, { readonly name: string; readonly address: number }>> = {
  0: { name: "IOPLL", address: CRL_APB + 0x20 },
  2: { name: "RPLL", address: CRL_APB + 0x30 },
};
const CLOCK_ACTIVE = 1 << 24;
const DIVISOR_MOST = 63;

export interface PlClock {
  /** MHz; 0 when the clock is stopped. */
  readonly megahertz: number;
  readonly source: string;
  readonly sourceMegahertz: number;
  readonly divisors: readonly [number, number];
  readonly active: boolean;
  readonly register: number;
}

const controlAddress = (clock: number): number => PL0_REF_CTRL + 4 * clock;

/** @throws {LoaderError} `gate-clock` when the source is none this runtime can work out */
export function readPlClock(memory: PhysicalMemory, clock: number): PlClock {
  const register = memory.read(controlAddress(clock));
  const select = register & 0b111;
  const pll = pllControl[select];
  if (!pll) {
    throw refuse("clock", `PL clock ${clock} comes from a PLL this runtime cannot read.`, {
      place: `register ${hex(controlAddress(clock))}, SRCSEL`,
      expected: "0 (IOPLL) or 2 (RPLL)",
      found: String(select),
      hint: "Give the clock IOPLL or RPLL as its source in the design's processing system block.",
    });
  }
  const sourceMegahertz = pllMegahertz(memory.read(pll.address));
  const divisor0 = (register >>> 8) & 0x3f;
  const divisor1 = (register >>> 16) & 0x3f;
  const active = (register & CLOCK_ACTIVE) !== 0;
  const divided = divisor0 === 0 || divisor1 === 0 ? 0 : sourceMegahertz / (divisor0 * divisor1);
  return {
    megahertz: active ? divided : 0,
    source: pll.name,
    sourceMegahertz,
    divisors: [divisor0, divisor1],
    active,
    register,
  };
}

function pllMegahertz(control: number): number {
  const bypass = (control & 0b1000) !== 0;
  if (bypass) return REFERENCE_MHZ;
  const feedback = (control >>> 8) & 0x7f;
  const half = (control & (1 << 16)) !== 0;
  return (REFERENCE_MHZ * feedback) / (half ? 2 : 1);
}

/** The divisors that come closest to `most` MHz without going over it. */
export function chooseDivisors(sourceMegahertz: number, most: number): [number, number] | undefined {
  let best: [number, number] | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let second = 1; second <= DIVISOR_MOST; second += 1) {
    // A rounding error of the reference must not cost a whole step.
    const first = Math.max(1, Math.ceil(sourceMegahertz / (most * (1 + 1e-6)) / second));
    if (first > DIVISOR_MOST || first * second >= least) continue;
    least = first * second;
    best = [first, second];
  }
  return best;
}

export interface ClockRequest {
  readonly pl: number;
  /** What the design closed timing at; never exceeded. */
  readonly megahertz: number;
  readonly leastMegahertz: number;
}

/** Sets the clock if it is outside what is asked for, and reads it back. @throws {LoaderError} `gate-clock` */
export function passClockGate(memory: PhysicalMemory, request: ClockRequest): PlClock {
  const fits = ({ megahertz }: PlClock): boolean =>
    megahertz >= request.leastMegahertz && megahertz <= request.megahertz * (1 + 1e-6);
  const before = readPlClock(memory, request.pl);
  if (fits(before)) return before;
  const address = controlAddress(request.pl);
  const divisors = chooseDivisors(before.sourceMegahertz, request.megahertz);
  const reached = divisors ? before.sourceMegahertz / (divisors[0] * divisors[1]) : 0;
  if (!divisors || reached < request.leastMegahertz) {
    throw refuse("clock", "No division of the clock's source gives what the overlay needs.", {
      place: `register ${hex(address)}`,
      expected: range(request),
      found: `${reached.toFixed(3)} MHz from ${before.source} at ${before.sourceMegahertz.toFixed(3)} MHz`,
      hint: "Build the overlay for a clock that a whole-number division reaches: 200, 250 or 333 MHz.",
    });
  }
  const kept = before.register & ~((0x3f << 8) | (0x3f << 16));
  memory.write(address, (kept | (divisors[0] << 8) | (divisors[1] << 16) | CLOCK_ACTIVE) >>> 0);
  const after = readPlClock(memory, request.pl);
  if (fits(after)) return after;
  throw refuse("clock", "The clock did not take the frequency it was set to.", {
    place: `register ${hex(address)}`,
    expected: range(request),
    found: `${after.megahertz.toFixed(3)} MHz (register ${hex(after.register)})`,
    hint: "Something else sets PL clocks: stop dfx-mgr's services, or check clk settings in the device tree.",
    details: { before: before.megahertz, after: after.megahertz },
  });
}

function range({ leastMegahertz, megahertz }: ClockRequest): string {
  return `${leastMegahertz} to ${megahertz} MHz`;
}
