export * from "./cable.js";
export * from "./kv260-tree.js";
