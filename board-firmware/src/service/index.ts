export * from "./service-manager.js";
