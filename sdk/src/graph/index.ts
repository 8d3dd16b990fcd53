export * from "./float.js";
export * from "./float-shape.js";
export * from "./limits.js";
export * from "./lookup.js";
export * from "./range.js";
export * from "./types.js";
export * from "./validate.js";
export * from "./window.js";
