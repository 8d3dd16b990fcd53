export * from "./import-keras.js";
export { kerasShardPaths } from "./model-json.js";
