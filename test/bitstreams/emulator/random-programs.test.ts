/** Random layer programs on both engines: every layer's CRC and the stored output equal the interpreter's. */
import { type Engine, PlainEngine, WasmEngine } from "@sluice/bitstreams/emulator";
import { EmulatedDevice } from "@sluice/board-firmware/device";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { weightCodecs } from "@sluice/sdk/codec";
import { kv260Geometry, type OverlayGeometry, smallGeometry } from "@sluice/sdk/overlay";
import { describe, expect, it } from "vitest";
import { interpretProgram } from "../../support/program-interpreter.js";
import { type RandomProgram, randomProgram } from "../../support/random-program.js";
import { seededRandom } from "../../support/seeded-random.js";

const FIRST_SEED = 1000;
const codecs = weightCodecs.map((codec) => codec.id);

function expectedOf(program: RandomProgram, geometry: OverlayGeometry) {
  return interpretProgram({
    geometry,
    commands: program.commands,
    image: program.image,
    tables: program.tables,
    input: program.input,
    outputBytes: program.plan.outputFrameBytes,
    scratchBytes: program.plan.scratchBytes,
  });
}

async function runOn(engine: Engine, program: RandomProgram) {
  const device = new EmulatedDevice({ geometry: engine.geometry, checkOwnership: true, engine });
  const driver = new OverlayDriver(device);
  driver.load(program.plan, program.sections);
  const { outputs } = await driver.run(program.input);
  const crcs = driver.layerCounters().map(({ crc0, crc1 }) => [crc0, crc1]);
  driver.unload();
  expect(device.usedBytes).toBe(0);
  await device.close();
  return { crcs, outputs };
}

function wasmEngine(geometry: OverlayGeometry): WasmEngine {
  const engine = WasmEngine.create(geometry);
  if (!engine) throw new Error("The WASM kernel is missing: run `npm run build`.");
  return engine;
}

const suites = [
  { geometry: smallGeometry, programs: 48, layers: 6, largestChannels: 24 },
  { geometry: kv260Geometry, programs: 8, layers: 8, largestChannels: 40 },
];

for (const { geometry, programs, layers, largestChannels } of suites) {
  describe(`random programs on ${geometry.id}`, () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + programs; seed += 1) {
      it(`plain and wasm equal the interpreter, seed ${seed}`, async () => {
        const program = randomProgram(seededRandom(seed), { geometry, layers, codecs, largestChannels });
        const expected = expectedOf(program, geometry);
        const crcs = expected.layers.map(({ outputs: [first, second] }) => [first.crc, second?.crc ?? 0]);
        for (const engine of [new PlainEngine(geometry), wasmEngine(geometry)]) {
          const found = await runOn(engine, program);
          expect(found.crcs, engine.name).toEqual(crcs);
          expect(Buffer.compare(found.outputs, expected.output), engine.name).toBe(0);
        }
      });
    }
  });
}
