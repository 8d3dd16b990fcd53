export * from "./constant-nodes.js";
export * from "./fold-constant-quants.js";
export * from "./fold-constant-transposes.js";
export * from "./mat-mul-to-gemm.js";
export * from "./quant-before-flatten.js";
export * from "./remove-dead-nodes.js";
export * from "./remove-identities.js";
