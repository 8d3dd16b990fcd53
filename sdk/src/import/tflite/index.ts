export * from "./float-import.js";
export * from "./import.js";
