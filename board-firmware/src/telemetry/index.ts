export * from "./board-telemetry.js";
export * from "./energy-meter.js";
export * from "./memory-left.js";
export * from "./sensors.js";
