export { overlayIsStuck } from "./interrupt.js";
export * from "./overlay-driver.js";
export * from "./types.js";
