export * from "./additive-powers-of-two.js";
export * from "./k-hot.js";
export * from "./levels-of.js";
export * from "./power-function.js";
export * from "./power-of-two.js";
export * from "./symmetric-levels.js";
