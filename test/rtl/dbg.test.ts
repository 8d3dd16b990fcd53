import { RtlDevice } from "@sluice/board-firmware/device/rtl.js";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { smallGeometry } from "@sluice/sdk/overlay";
import { it } from "vitest";
import { interpretProgram } from "../support/program-interpreter.js";
import { randomProgram } from "../support/random-program.js";
import { seededRandom } from "../support/seeded-random.js";
for (const seed of (process.env.SEEDS ?? "").split(",").map(Number))
  it(`s${seed}`, async () => {
      const program = randomProgram(seededRandom(seed), { geometry: smallGeometry, layers: 6, codecs: [0] });
      const expected = interpretProgram({
        geometry: smallGeometry, commands: program.commands, image: program.image, tables: program.tables,
        input: program.input, outputBytes: program.plan.outputFrameBytes, scratchBytes: program.plan.scratchBytes,
      });
      const device = new RtlDevice({ geometry: smallGeometry, seed, memoryBytes: 16 * 2 ** 20 });
      const driver = new OverlayDriver(device);
      driver.load(program.plan, program.sections);
      await driver.run(program.input);
      const crcs = driver.layerCounters();
      const compute = program.commands.filter((c) => c.opcode !== "LOAD" && c.opcode !== "STORE" && c.opcode !== "END");
      for (const [i, l] of expected.layers.entries()) {
        const ok = l.outputs[0].crc === crcs[i].crc0 && (l.outputs[1]?.crc ?? 0) === crcs[i].crc1;
        if (ok) continue;
        console.log(seed, i, JSON.stringify(compute[i]));
        console.log("prev", JSON.stringify(compute[i-1]));
        const dump = await driver.dumpLayer(i, l.outputs[0].crc === crcs[i].crc0 ? 1 : 0, program.input);
        const want = l.outputs[l.outputs[0].crc === crcs[i].crc0 ? 1 : 0].codes;
        const bad: string[] = [];
        want.forEach((v, k) => { if (dump.codes[k] !== v) bad.push(`${k}:${v}/${dump.codes[k]}`); });
        console.log("bad", bad.length, "of", want.length, bad.slice(0, 20).join(" "));
        break;
      }
  });
