export * from "./line-quality.js";
export * from "./link.js";
export * from "./packets.js";
export * from "./receiver.js";
export * from "./round-trip.js";
export * from "./send-queue.js";
export * from "./sender.js";
