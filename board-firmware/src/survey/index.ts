export * from "./finding.js";
export * from "./survey-board.js";
