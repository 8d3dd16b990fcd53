export * from "./compile.js";
export * from "./cycles.js";
export * from "./describe.js";
export * from "./frames.js";
export * from "./memory-report.js";
export * from "./types.js";
