export * from "./import-float-model.js";
