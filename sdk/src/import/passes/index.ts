export * from "./drop-fake-quantization.js";
export * from "./fold-affine.js";
export * from "./merge-padding.js";
export * from "./merge-shortcuts.js";
export * from "./remove-identities.js";
export * from "./simplify.js";
