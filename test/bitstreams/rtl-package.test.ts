/** The generated SystemVerilog package says what the TypeScript contract says. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("../../bitstreams/scripts/generate-package.mjs", import.meta.url));

describe("bitstreams/rtl/sluice_pkg.sv", () => {
  it("is what generate-package.mjs makes of sdk/src/overlay", () => {
    expect(() => execFileSync(process.execPath, [script, "--check"], { encoding: "utf8" })).not.toThrow();
  });
});
