/** Random layer programs on the RTL: every layer's CRC and the stored output equal the interpreter's. */
import { RtlDevice, rtlLibraryPath } from "@sluice/board-firmware/device/rtl.js";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { interpretProgram } from "../support/program-interpreter.js";
import { randomProgram } from "../support/random-program.js";
import { seededRandom } from "../support/seeded-random.js";

const PROGRAMS = Number(process.env.SLUICE_RTL_PROGRAMS ?? 100);
const FIRST_SEED = Number(process.env.SLUICE_RTL_SEED ?? 1000);

/** Every fifth program runs on the build that also has the inflate core, and uses it. */
const INFLATE = 5;

describe("the RTL on random programs", () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed += 1) {
    it(`equals the interpreter, seed ${seed}`, async () => {
      const random = seededRandom(seed);
      const inflates = seed % INFLATE === 0;
      const codecs = inflates ? [0, 1, 2] : [0, 2];
      const library = inflates ? rtlLibraryPath(smallGeometry, "inflate") : undefined;
      const program = randomProgram(random, { geometry: smallGeometry, layers: 6, codecs });
      const expected = interpretProgram({
        geometry: smallGeometry,
        commands: program.commands,
        image: program.image,
        tables: program.tables,
        input: program.input,
        outputBytes: program.plan.outputFrameBytes,
        scratchBytes: program.plan.scratchBytes,
      });
      // A third of the programs meets a slow and moody memory.
      const memory = seed % 3 === 0 ? { latency: 90, jitter: 40, busyPer1024: 300, beatsPer1024: 600 } : {};
      const device = new RtlDevice({
        geometry: smallGeometry,
        library,
        memory,
        seed,
        memoryBytes: 16 * 2 ** 20,
      });
      const driver = new OverlayDriver(device);
      driver.load(program.plan, program.sections);
      const { outputs } = await driver.run(program.input);
      const crcs = driver.layerCounters().map(({ crc0, crc1 }) => [crc0, crc1]);
      expect(crcs).toEqual(expected.layers.map(({ outputs: [a, b] }) => [a.crc, b?.crc ?? 0]));
      expect(Buffer.compare(outputs, expected.output)).toBe(0);
      expect(device.violation).toBe("");
      driver.unload();
      await device.close();
    });
  }
});
