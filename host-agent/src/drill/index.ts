export * from "./fault-drill.js";
export * from "./soak.js";
