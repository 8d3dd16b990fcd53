export * from "./cable.js";
