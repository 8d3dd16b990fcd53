export * from "./emulated-board.js";
export * from "./find-boards.js";
export * from "./open-link.js";
