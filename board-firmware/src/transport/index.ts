export * from "./memory.js";
export * from "./reliable.js";
export * from "./serial.js";
export * from "./tcp.js";
export * from "./transport.js";
