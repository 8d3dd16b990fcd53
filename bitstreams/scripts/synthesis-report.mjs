/**
 * What the overlay would take on a K26, as far as yosys can tell: LUT, FF, DSP, BRAM36 and URAM per module, and the
 * logic depth of the worst path, beside the device's budget and the numbers of the reference thesis.
 *
 *   npm run report:synthesis -- [geometry] [--module name] [--json] [--page] [--install]
 *
 * Mapping is `synth_xilinx -family xcup -nowidelut`, module by module without optimisation across their borders; the
 * depth is that of the mapped modules put together. No placement, no routing, no timing: estimates.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { geometryById } from "@sluice/sdk/overlay";
import { overlayParameters, overlaySources } from "./overlay-build.mjs";
import { synthesisPage, synthesisText } from "./synthesis/report-text.mjs";
import { K26, TARGET, THESIS } from "./synthesis/resources.mjs";
import { synthesize } from "./synthesis/synthesize.mjs";
import { INSTALL_HINT, installTools, nativeYosys, toolsInstalled } from "./synthesis/tools.mjs";

const HELP = `Usage: npm run report:synthesis -- [geometry] [options]

Estimates LUT, FF, DSP, BRAM and URAM of the overlay and its longest logic path with yosys.

  geometry         p8i8o16 (default) or p4i8o8
  --module NAME    only this module and what is below it
  --json           the numbers as JSON
  --page           also write docs/synthesis.md
  --install        fetch the yosys build the report needs (npm, 260 MB), once

Examples:
  npm run report:synthesis -- --install
  npm run report:synthesis -- --module weight_decoder
  npm run report:synthesis -- p4i8o8 --json`;

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      module: { type: "string" },
      json: { type: "boolean" },
      page: { type: "boolean" },
      install: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  if (values.install) installTools();
  if (!toolsInstalled()) {
    console.error(`The synthesis report needs tools that are not installed. ${INSTALL_HINT}`);
    process.exitCode = 1;
    return;
  }
  const geometry = geometryById(positionals[0] ?? "p8i8o16");
  const report = {
    geometry: geometry.id,
    mapper: nativeYosys() ?? "yosys",
    ...synthesize({
      sources: overlaySources(),
      top: "sluice_overlay",
      only: values.module,
      parameters: overlayParameters(geometry),
      work: fileURLToPath(new URL("../build/synthesis", import.meta.url)),
      progress: (line) => process.stderr.write(`${line}\n`),
    }),
    budget: { k26: K26, target: TARGET, thesis: THESIS },
  };
  console.log(values.json ? JSON.stringify(report, null, 2) : synthesisText(report));
  if (values.page) {
    const page = fileURLToPath(new URL(join("..", "..", "docs", "synthesis.md"), import.meta.url));
    writeFileSync(page, synthesisPage(report, new Date().toISOString().slice(0, 10)));
  }
  if (report.failed.length > 0) process.exitCode = 1;
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
