export * from "./key-ring.js";
export * from "./pair-board.js";
