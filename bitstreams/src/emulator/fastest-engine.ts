/** WASM SIMD where it runs and the geometry suits it, else plain TypeScript. */
import type { OverlayGeometry } from "@sluice/sdk/overlay";
import type { Engine } from "./engine.js";
import { PlainEngine } from "./plain/plain-engine.js";
import { WasmEngine } from "./wasm/wasm-engine.js";

export function fastestEngine(geometry: OverlayGeometry): Engine {
  return WasmEngine.create(geometry) ?? new PlainEngine(geometry);
}
