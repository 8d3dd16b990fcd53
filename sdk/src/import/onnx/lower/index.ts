export * from "./lower-model.js";
