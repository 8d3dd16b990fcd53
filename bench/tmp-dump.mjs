import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { ansCodec, rawCodec } from "@sluice/sdk/codec";
import { compile, programCycles } from "@sluice/sdk/compile";
import { importModel } from "@sluice/sdk/import";
import { kv260Geometry, unpackCommands } from "@sluice/sdk/overlay";
import { openOverlayRun } from "./rtl/overlay-run.mjs";
import { seededInput } from "./rtl/seeded-input.mjs";
const [out, ...paths] = process.argv.slice(2);
const all = [];
for (const path of paths) for (const codec of [rawCodec, ansCodec]) {
  const file = basename(path);
  const graph = importModel(readFileSync(path), { file });
  const compiled = compile(graph, { geometry: kv260Geometry, codec });
  const run = openOverlayRun(graph, compiled);
  await run.run(seededInput(graph, 0));
  const { cycles, counters, wrongLayers } = await run.run(seededInput(graph, 1));
  await run.close();
  const commands = unpackCommands(compiled.sections.find(({ kind }) => kind === "program").bytes);
  all.push({ file, codec: codec.name, cycles, wrongLayers, commands, layers: counters.map((c, i) => ({ cycles: c.cycles, stallWeights: c.stallWeights, beats: c.weightBeats, kind: compiled.layers[i].kind, name: compiled.layers[i].name })) });
  console.log(file, codec.name, cycles, programCycles(commands, kv260Geometry).total, wrongLayers.length);
}
writeFileSync(out, JSON.stringify(all, (k, v) => typeof v === "bigint" ? Number(v) : v));
