export * from "./overlay-device.js";
