import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

interface Resources {
  readonly lut: number;
  readonly ff: number;
  readonly dsp: number;
  readonly bram36: number;
}
interface Report {
  readonly modules: readonly { name: string; times: number; own: Resources; inclusive: Resources }[];
  readonly total: Resources;
  readonly depth: { levels: number; dsps: number };
}
const scripts = new URL("../../../bitstreams/scripts/", import.meta.url);
const tools = (await import(new URL("synthesis/tools.mjs", scripts).href)) as {
  toolsInstalled(): boolean;
  INSTALL_HINT: string;
};
const { synthesize } = (await import(new URL("synthesis/synthesize.mjs", scripts).href)) as {
  synthesize(design: object): Report;
};

if (!tools.toolsInstalled()) console.warn(`Skipped: mapping a module with yosys. ${tools.INSTALL_HINT}`);

describe.skipIf(!tools.toolsInstalled())("synthesis report of a known module", () => {
  const map = (top: string, parameters?: object) =>
    synthesize({
      sources: [fileURLToPath(new URL("tiny.sv", import.meta.url))],
      top,
      parameters,
      work: join(tmpdir(), `sluice-synthesis-${process.pid}-${top}`),
    });

  it("counts a 36-bit parity as two levels of LUT6", () => {
    const report = map("tiny_parity");
    expect(report.total).toMatchObject({ lut: 7, ff: 37, dsp: 0, bram36: 0 });
    expect(report.depth).toMatchObject({ levels: 2, dsps: 0 });
  }, 120_000);

  it("counts every instance, the product and the block RAM", () => {
    const report = map("tiny", { Words: 1024 });
    const parity = report.modules.find(({ name }) => name === "tiny_parity");
    expect(parity).toMatchObject({ times: 2, own: { lut: 7, ff: 37 } });
    expect(report.total).toMatchObject({ dsp: 1, bram36: 1 });
    expect(report.total.ff).toBeGreaterThanOrEqual(2 * 37 + 16);
  }, 120_000);
});
