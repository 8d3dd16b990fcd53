/**
 * Writes bitstreams/vivado/geometry-<id>.tcl for every geometry: parameters, clock and address map for build.tcl.
 * `--check` writes nothing and fails when a file is stale.
 *
 *   node bitstreams/scripts/generate-vivado.mjs [--check]
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { geometries, REGISTER_SPACE_BYTES } from "@sluice/sdk/overlay";
import { DESIGN, PART, ports, REGISTER_BASE } from "../vivado/platform.mjs";
import { overlayParameters } from "./overlay-build.mjs";

function geometryScript(geometry) {
  const parameters = Object.entries(overlayParameters(geometry)).map(([name, value]) => `  ${name} ${value}`);
  return [
    "# Generated from sdk/src/overlay and platform.mjs by bitstreams/scripts/generate-vivado.mjs. Do not edit.",
    `set part ${PART}`,
    `set design ${DESIGN}`,
    `set clock_mhz ${geometry.clockMHz}`,
    `set register_base 0x${REGISTER_BASE.toString(16)}`,
    `set register_bytes ${REGISTER_SPACE_BYTES}`,
    `set register_width ${ports.registers.widthBits}`,
    `set memory_width ${ports.weights.widthBits}`,
    "set parameters {",
    ...parameters,
    "}",
    "",
  ].join("\n");
}

let stale = false;
for (const geometry of geometries) {
  const path = fileURLToPath(new URL(`../vivado/geometry-${geometry.id}.tcl`, import.meta.url));
  const text = geometryScript(geometry);
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`${path} is stale: run node bitstreams/scripts/generate-vivado.mjs`);
    stale = true;
  }
}
if (stale) process.exitCode = 1;
