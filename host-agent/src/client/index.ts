export * from "./board-client.js";
export type { FrameSource, RunOptions, RunReport } from "./run.js";
