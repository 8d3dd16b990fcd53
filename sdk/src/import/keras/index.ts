export * from "./import-keras.js";
