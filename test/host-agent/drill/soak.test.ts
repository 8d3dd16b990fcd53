/** The soak in short: what bench/soak.mjs does 5,000 times, on a small model. */
import { soak } from "@sluice/host-agent/drill";
import { smallGeometry } from "@sluice/sdk/overlay";
import { expect, it } from "vitest";
import { denseProgram } from "../../support/contract-programs.js";
import { seededRandom } from "../../support/seeded-random.js";

const SEED = Number(process.env.SLUICE_SEED ?? 11);

it(`accepts no wrong result in 24 cycles of deploy and run with random faults (seed ${SEED})`, async () => {
  const { plan, sections, expected } = denseProgram(smallGeometry);
  const random = seededRandom(SEED);
  const frames = Array.from({ length: 6 }, () => {
    const input = Uint8Array.from({ length: plan.inputFrameBytes }, () => random.integer(0, 255));
    const codes = expected(input);
    return {
      input,
      isRight: (output: Uint8Array) => codes.every((code, at) => code === (output[at] << 24) >> 24),
    };
  });
  const report = await soak(
    { plan, sections, frames },
    { cycles: 24, seed: SEED, geometry: smallGeometry.id },
  );
  expect(report).toMatchObject({ cycles: 24, wrong: 0, hung: 0 });
  const failed = Object.values(report.errors).reduce((sum, count) => sum + count, 0);
  expect(report.right + failed).toBe(24);
  expect(report.right).toBeGreaterThan(8);
  // A connection may still be closing when one looks.
  const [early = 0, , , late = 99] = report.board?.descriptors ?? [];
  expect(late - early).toBeLessThanOrEqual(2);
});
