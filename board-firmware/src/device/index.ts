export { type CacheHook, type DdrOptions, EmulatedDdr, type StaleRange } from "./ddr.js";
export * from "./emulated.js";
export * from "./open-device.js";
export * from "./overlay-device.js";
