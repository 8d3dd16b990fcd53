export * from "./board.js";
export * from "./board-server.js";
export * from "./hold.js";
export * from "./runner.js";
