export * from "./limits.js";
export * from "./lookup.js";
export * from "./range.js";
export * from "./types.js";
export * from "./validate.js";
export * from "./window.js";
