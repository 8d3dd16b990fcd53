export * from "./default-model.js";
