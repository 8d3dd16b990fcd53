export * from "./format.js";
export * from "./layer-weights.js";
export * from "./read-package.js";
export * from "./sign-package.js";
export * from "./signature.js";
export * from "./write-package.js";
