/** Sources and parameters of the overlay, as every tool that reads the RTL needs them. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const rtl = fileURLToPath(new URL("../rtl", import.meta.url));

/** Paths of the SystemVerilog sources, packages first. */
export function overlaySources() {
  const names = readdirSync(rtl, { recursive: true, encoding: "utf8" });
  const sources = names.filter((name) => name.endsWith(".sv")).sort();
  const isPackage = (name) => name.endsWith("_pkg.sv");
  return [...sources.filter(isPackage), ...sources.filter((name) => !isPackage(name))].map((name) =>
    join(rtl, name),
  );
}

/** Parameters of sluice_overlay for a geometry. */
export function overlayParameters(geometry) {
  return {
    Pixels: geometry.pixels,
    Inputs: geometry.inputs,
    Outputs: geometry.outputs,
    DecoderLanes: geometry.decoderLanes,
    RequantizeLanes: geometry.requantizeLanes,
    ActivationRows: geometry.activationRows,
    WeightLines: geometry.weightLines,
    MaxLayers: geometry.maxLayers,
  };
}
