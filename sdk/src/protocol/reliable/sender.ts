/**
 * The sending half of the reliable link: which bytes to send next, and what to make of an acknowledgement. Pure
 * computation; time comes in as an argument, in milliseconds.
 */
import { LineQuality } from "./line-quality.js";
import { type ByteRange, DATA_OVERHEAD, MAX_RANGES } from "./packets.js";
import { RoundTrip } from "./round-trip.js";
import { SendQueue } from "./send-queue.js";

interface Transmission {
  readonly number: number;
  readonly offset: number;
  readonly length: number;
  readonly sentAt: number;
}

interface LostRange {
  readonly offset: number;
  readonly length: number;
}

export interface Outgoing {
  readonly number: number;
  /** In the stream; the packet carries it modulo 2^32. */
  readonly offset: number;
  readonly payload: Uint8Array;
  readonly push: boolean;
}

export interface Acknowledgement {
  readonly latest: number;
  readonly upTo: number;
  readonly ranges: readonly ByteRange[];
}

const NUMBERS = 0x1_0000;
const PROBE_PAYLOAD = 64;

export class ReliableSender {
  readonly quality = new LineQuality();
  readonly roundTrip: RoundTrip;
  readonly #queue = new SendQueue();
  /** Bytes that may be in flight. */
  readonly #window: number;
  /** In the order of their numbers. */
  #inFlight: Transmission[] = [];
  #lost: LostRange[] = [];
  #next = 0;
  /** Counts every transmission; the packet carries it modulo 2^16. */
  #number = 0;
  #flightBytes = 0;
  #probe = false;
  /** The last sign of life or the last expiry: the clock of the oldest packet starts here again. */
  #timerFrom = 0;
  /** Bytes sent more than once. */
  repeatedBytes = 0;
  lostPackets = 0;

  /** @param ackDelayMs how long the other end may hold back an acknowledgement */
  constructor(window: number, ackDelayMs: number) {
    this.#window = window;
    this.roundTrip = new RoundTrip(ackDelayMs);
  }

  write(bytes: Uint8Array): void {
    this.#queue.append(bytes);
  }

  /** Bytes written and not yet acknowledged. */
  get backlog(): number {
    return this.#queue.end - this.#queue.start;
  }

  /** Bytes written and never sent yet. */
  get unsent(): number {
    return this.#queue.end - this.#next;
  }

  get inFlight(): boolean {
    return this.#inFlight.length > 0;
  }

  get acknowledged(): number {
    return this.#queue.start;
  }

  /** The next packet to send now, if there is one and the window has room. */
  next(now: number): Outgoing | undefined {
    const range = this.#nextRange();
    if (range === undefined) return undefined;
    if (this.#flightBytes + range.length > this.#window && this.#inFlight.length > 0 && !this.#probe) {
      return undefined;
    }
    // The receiver holds at most a window of bytes that are out of order.
    if (range.offset + range.length > this.#queue.start + this.#window) return undefined;
    this.#probe = false;
    this.#take(range);
    const number = this.#number;
    this.#number += 1;
    this.#inFlight.push({ number, ...range, sentAt: now });
    this.#flightBytes += range.length;
    return {
      number: number % NUMBERS,
      offset: range.offset,
      payload: this.#queue.read(range.offset, range.length),
      push: this.unsent === 0 && this.#lost.length === 0,
    };
  }

  /** True when it acknowledged something new. An acknowledgement of what was never sent is ignored. */
  acknowledge({ latest, upTo, ranges }: Acknowledgement, now: number): boolean {
    const number = this.#unwrapNumber(latest);
    const end = this.#unwrapOffset(upTo);
    if (number === undefined || end === undefined) return false;
    const covered = [{ from: 0, to: end }, ...ranges.map((range) => absolute(range, end))];
    // A list that is full may have more behind it, of which nothing is known.
    const known = ranges.length < MAX_RANGES ? Number.POSITIVE_INFINITY : covered[covered.length - 1].to;
    const before = this.#queue.start;
    let progress = false;
    const still: Transmission[] = [];
    let burst = 0;
    for (const sent of this.#inFlight) {
      if (sent.number === number) this.roundTrip.sample(now - sent.sentAt);
      const wireBytes = sent.length + DATA_OVERHEAD;
      if (isCovered(sent, covered)) {
        this.#flightBytes -= sent.length;
        this.quality.delivered(wireBytes);
        burst = 0;
        progress = true;
      } else if (sent.number < number && sent.offset + sent.length <= known) {
        this.#flightBytes -= sent.length;
        this.#lose(sent);
        // Neighbours lost together are one event: a cut cable must not look like a noisy one.
        burst += 1;
        if (burst === 1) this.quality.lost(wireBytes);
        else this.quality.delivered(wireBytes);
      } else {
        still.push(sent);
      }
    }
    this.#inFlight = still;
    this.#lost = this.#lost.filter((range) => !isCovered(range, covered));
    this.#queue.release(end);
    if (!progress && this.#queue.start === before) return false;
    this.#timerFrom = now;
    return true;
  }

  /** When the oldest packet in flight counts as lost for want of any acknowledgement. */
  get expiresAt(): number | undefined {
    const [oldest] = this.#inFlight;
    return oldest && Math.max(oldest.sentAt, this.#timerFrom) + this.roundTrip.timeout;
  }

  /** Sends the oldest packet again; its acknowledgement will tell which of the others are lost. */
  expire(now: number): void {
    const expiresAt = this.expiresAt;
    if (expiresAt === undefined || now < expiresAt) return;
    const [oldest] = this.#inFlight;
    this.#inFlight.shift();
    this.#flightBytes -= oldest.length;
    this.#lose(oldest);
    if (this.roundTrip.expired() === 1) this.quality.lost(oldest.length + DATA_OVERHEAD);
    // One packet goes out whatever the window says; the others wait for what it brings.
    this.#probe = true;
    this.#timerFrom = now;
  }

  #lose(sent: Transmission): void {
    this.lostPackets += 1;
    this.#lost.push({ offset: sent.offset, length: sent.length });
    this.#lost.sort((a, b) => a.offset - b.offset);
  }

  #nextRange(): LostRange | undefined {
    // After silence a short packet asks whether anything gets through at all.
    const payload = this.#probe ? Math.min(PROBE_PAYLOAD, this.quality.payload) : this.quality.payload;
    const [first] = this.#lost;
    if (first) {
      // Equal parts: a cut at full length would leave a crumb that costs a whole packet.
      const parts = Math.ceil(first.length / payload);
      return { offset: first.offset, length: Math.ceil(first.length / parts) };
    }
    const length = Math.min(this.unsent, payload);
    return length > 0 ? { offset: this.#next, length } : undefined;
  }

  #take(range: LostRange): void {
    const [first] = this.#lost;
    if (first === undefined) {
      this.#next += range.length;
      return;
    }
    this.repeatedBytes += range.length;
    const rest = { offset: first.offset + range.length, length: first.length - range.length };
    if (rest.length > 0) this.#lost[0] = rest;
    else this.#lost.shift();
  }

  /** The full count of a 16-bit number that must lie among the last transmissions. */
  #unwrapNumber(low: number): number | undefined {
    const back = (this.#number - 1 - low) & (NUMBERS - 1);
    const number = this.#number - 1 - back;
    return number >= 0 && back < NUMBERS / 2 ? number : undefined;
  }

  /** The full offset of a 32-bit one that must lie between what was acknowledged and what was sent. */
  #unwrapOffset(low: number): number | undefined {
    const ahead = (low - (this.#queue.start >>> 0)) >>> 0;
    const offset = this.#queue.start + ahead;
    return offset <= this.#next ? offset : undefined;
  }
}

function absolute({ start, length }: ByteRange, upTo: number) {
  return { from: upTo + start, to: upTo + start + length };
}

function isCovered(
  { offset, length }: LostRange,
  covered: readonly { readonly from: number; readonly to: number }[],
): boolean {
  return covered.some(({ from, to }) => from <= offset && offset + length <= to);
}
