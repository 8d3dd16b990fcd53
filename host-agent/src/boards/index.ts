export * from "./emulated-board.js";
