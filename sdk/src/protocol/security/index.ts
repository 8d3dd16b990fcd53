export * from "./greeting.js";
export * from "./key-schedule.js";
export * from "./records.js";
