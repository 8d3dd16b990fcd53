export * from "./ans/index.js";
export * from "./deflate.js";
export * from "./raw.js";
export * from "./registry.js";
export * from "./types.js";
