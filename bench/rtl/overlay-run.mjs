/** A compiled model on the Verilated overlay, every layer and the output compared with the reference. */
import { existsSync } from "node:fs";
import { RtlDevice, rtlLibraryPath } from "@sluice/board-firmware/device/rtl.js";
import { OverlayDriver } from "@sluice/board-firmware/driver";
import { layerCrcs } from "@sluice/host-agent/jobs/layer-crcs.js";
import { inputFrame, outputCodes } from "@sluice/sdk/compile";
import { kv260Geometry } from "@sluice/sdk/overlay";
import { createReference } from "@sluice/sdk/reference";

/** The library of a build with options (build-rtl.mjs); ends the process with a message when it was not built. */
export function builtLibrary(geometry = kv260Geometry, variant = "") {
  const path = rtlLibraryPath(geometry, variant);
  if (existsSync(path)) return path;
  const option = variant ? ` --${variant}` : "";
  process.stderr.write(`${path} is missing: node bitstreams/scripts/build-rtl.mjs ${geometry.id}${option}\n`);
  process.exit(2);
}

/** Opens a device with the model on it. `run` starts one frame; `close` ends the simulation. */
export function openOverlayRun(graph, compiled, { geometry = kv260Geometry, library, memory, seed } = {}) {
  const device = new RtlDevice({ geometry, library, memory, seed });
  const driver = new OverlayDriver(device);
  const reference = createReference(graph);
  driver.load(compiled.plan, compiled.sections);
  return {
    device,
    close: () => device.close(),
    /**
     * @param {Int32Array} input stored integers
     * @returns cycles and stalls of the frame, counters per layer, beats both ports moved, the names of layers whose CRC
     *   differs from the reference's, whether the output is equal, and CPU seconds of simulation
     */
    async run(input) {
      const codes = Int8Array.from(input, (value) => value - compiled.input.codeOffset);
      const before = [device.beats(0), device.beats(1)];
      const begin = process.cpuUsage();
      const result = await driver.run(inputFrame(codes, compiled.input, geometry));
      const { user, system } = process.cpuUsage(begin);
      const seconds = (user + system) / 1e6;
      const counters = driver.layerCounters();
      const tensors = reference.runAll(input);
      const expected = layerCrcs(graph, tensors, compiled.layers, geometry);
      const wrong = compiled.layers.filter(({ index }) => {
        const [first, second = 0] = expected[index];
        return counters[index].crc0 !== first || counters[index].crc1 !== second;
      });
      const output = outputCodes(result.outputs, compiled.output, geometry);
      const logits = tensors[graph.output];
      return {
        cycles: Number(result.cycles),
        stallWeights: result.stallWeights,
        stallData: result.stallData,
        seconds,
        counters,
        weightBeats: device.beats(0) - before[0],
        dataBeats: device.beats(1) - before[1],
        wrongLayers: wrong.map(({ index, name }) => `${index} ${name}`),
        outputEqual: output.every((code, index) => code === logits[index] - compiled.output.codeOffset),
        violation: device.violation,
      };
    },
  };
}
