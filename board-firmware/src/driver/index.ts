export * from "./overlay-driver.js";
export * from "./types.js";
