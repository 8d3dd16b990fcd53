export * from "./ans/index.js";
export * from "./deflate.js";
export * from "./huffman.js";
export * from "./range-coder.js";
export * from "./raw.js";
export * from "./registry.js";

export * from "./report.js";
export * from "./rice.js";
export * from "./types.js";
