export * from "./board-client.js";
export type { ConnectOptions, LinkSource } from "./board-link.js";
export type { FrameSource, RunOptions, RunReport } from "./run.js";
