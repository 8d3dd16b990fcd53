export * from "./fault-drill.js";
