export * from "./partial-section.js";
export * from "./section-store.js";
