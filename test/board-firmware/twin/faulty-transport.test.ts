/** What a link that broke still carries: nothing, until it is opened again. */
import { memoryPair } from "@sluice/board-firmware/transport";
import { FaultPlan, FaultyTransport } from "@sluice/board-firmware/twin";
import { describe, expect, it } from "vitest";

const OUTAGE_MS = 20;

describe("FaultyTransport", () => {
  it("carries nothing after an outage on a connection that lost bytes, however late the timer that ends it", async () => {
    const [near, far] = memoryPair();
    const faulty = new FaultyTransport(near, new FaultPlan(["link-unplugged@2"], { outageMs: OUTAGE_MS }));
    const arrived: number[] = [];
    let closed = false;
    const handlers = { data: () => {}, drain: () => {}, closed: () => {} };
    await far.open({ ...handlers, data: (bytes) => arrived.push(...bytes) }, 1_000);
    await faulty.open({ ...handlers, closed: () => (closed = true) }, 1_000);

    faulty.send(Uint8Array.of(1));
    faulty.send(Uint8Array.of(2));
    // A busy process: the outage is over before the event loop gets to its timers.
    const until = performance.now() + 2 * OUTAGE_MS;
    while (performance.now() < until);
    faulty.send(Uint8Array.of(3));

    await expect.poll(() => closed).toBe(true);
    expect(arrived).toEqual([1]);
  });
});
