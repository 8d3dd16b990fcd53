export * from "./header.js";
export * from "./npy.js";
