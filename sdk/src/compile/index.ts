export * from "./compile.js";
export * from "./cycles.js";
export * from "./describe.js";
export * from "./engine-cycles.js";
export * from "./frames.js";
export * from "./memory-report.js";
export * from "./transfer-cycles.js";
export * from "./types.js";
