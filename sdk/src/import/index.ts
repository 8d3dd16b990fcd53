export * from "./import-model.js";
