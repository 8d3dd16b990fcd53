export * from "./cross-layer-equalization.js";
export * from "./homogeneous-pairs.js";
export * from "./quantize-data-free.js";
export * from "./tensor-statistics.js";
