export type { Engine } from "./engine.js";
export { fastestEngine } from "./fastest-engine.js";
export * from "./memory.js";
export * from "./overlay-emulator.js";
export { PlainEngine } from "./plain/plain-engine.js";
export { WasmEngine } from "./wasm/wasm-engine.js";
