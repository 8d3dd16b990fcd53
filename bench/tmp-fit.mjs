import { readFileSync } from "node:fs";
import { programCycles } from "@sluice/sdk/compile";
import { kv260Geometry } from "@sluice/sdk/overlay";
const only = process.argv[3];
for (const { file, codec, cycles, commands, layers } of JSON.parse(readFileSync(process.argv[2]))) {
  if (only && !codec.includes(only)) continue;
  const model = programCycles(commands, kv260Geometry);
  console.log(`${file} ${codec} RTL ${cycles} model ${model.total} ${(100*(model.total/cycles-1)).toFixed(2)} %`);
  layers.forEach((l, i) => {
    const m = model.layers[i];
    const cs = commands.filter((c) => c.layer === i && c.opcode !== "END");
    const text = cs.map((c) => c.opcode === "LOAD" ? `LOAD${c.tapsEnable ? "T" : ""}` : c.opcode === "STORE" ? "STORE" : `${c.opcode} ${c.kernelHeight}x${c.kernelWidth}s${c.strideWidth} ${c.inHeight}x${c.inWidth}x${c.inChannels}>${c.outHeight}x${c.outWidth}x${c.outChannels} t${+c.tableEnable0}${+c.tableEnable1}`).join(" | ");
    const off = 100 * (m.total / l.cycles - 1);
    console.log(`  ${String(i).padStart(2)} rtl ${String(l.cycles).padStart(7)} (w ${l.stallWeights}) model ${String(m.total).padStart(7)} (w ${m.stallWeights} d ${m.stallData}) diff ${String(l.cycles - m.total).padStart(5)} ${off.toFixed(1)}%${Math.abs(off) > 2 ? " !" : ""} ${text}`);
  });
}
