export * from "./board-files.js";
export * from "./physical-memory.js";
export * from "./register-window.js";
export * from "./uio.js";
