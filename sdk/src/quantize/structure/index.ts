export * from "./clustering.js";
export * from "./magnitude-pruning.js";
export * from "./masked-refit.js";
export * from "./obs-pruning.js";
export * from "./pruning.js";
