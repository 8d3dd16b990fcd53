export * from "./fault-options.js";
export * from "./fault-plan.js";
export * from "./fault-table.js";
export * from "./faulty-transport.js";
export * from "./open-twin.js";
export * from "./store-faults.js";
