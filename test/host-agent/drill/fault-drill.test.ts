/** Every fault of the twin on both links: a typed error that names it, in time, and a right result the next time. */
import { type FaultId, faultTable } from "@sluice/board-firmware/twin";
import { type DrillModel, drill } from "@sluice/host-agent/drill";
import { smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { denseProgram } from "../../support/contract-programs.js";
import { seededRandom } from "../../support/seeded-random.js";

const SEED = Number(process.env.SLUICE_SEED ?? 6);

/** Where in the conversation a fault of the link strikes: in the middle of the work. */
const strikesAt: Partial<Record<FaultId, number>> = {
  "link-unplugged": 9,
  "frame-lost": 7,
  "frame-duplicated": 7,
  "frame-corrupted": 7,
};

function denseModel(): DrillModel {
  const { plan, sections, expected } = denseProgram(smallGeometry);
  const random = seededRandom(SEED);
  const frames = Array.from({ length: 4 }, () =>
    Uint8Array.from({ length: plan.inputFrameBytes }, () => random.integer(0, 255)),
  );
  return {
    plan,
    sections,
    frames,
    isRight: (outputs) =>
      frames.every((frame, index) => {
        const codes = expected(frame);
        const start = index * plan.outputFrameBytes;
        return codes.every((code, at) => code === (outputs[start + at] << 24) >> 24);
      }),
  };
}

describe.concurrent(`drills of the twin (seed ${SEED})`, () => {
  const model = denseModel();
  const settings = { geometry: smallGeometry.id, seed: SEED, deadlineFloorMs: 300, idleMs: 3_000 } as const;

  for (const link of ["tcp", "serial"] as const) {
    for (const { id, what } of faultTable) {
      it(`${link}: ${id}, ${what}`, async () => {
        const at = strikesAt[id] ?? 1;
        const result = await drill(`${id}@${at}`, model, { ...settings, link });
        expect(result.complaint).toBeUndefined();
        expect(result.nextRunRight).toBe(true);
      });
    }

    for (const fault of ["link-unplugged@6", "brown-out@1"]) {
      it(`${link}: ${fault} is survived by a host that may connect again`, async () => {
        const result = await drill(fault, model, { ...settings, link, reconnect: true });
        expect(result).toMatchObject({ outcome: "right", nextRunRight: true, complaint: undefined });
        expect(result.struck).toBe(1);
      });
    }
  }
});
