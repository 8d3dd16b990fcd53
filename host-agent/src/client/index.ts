export * from "./board-client.js";
export type { ConnectOptions, LinkSource } from "./board-link.js";
export type { FrameSource, RunOptions, RunReport } from "./run.js";
export type { UploadSection } from "./sections.js";
export type { UploadProgress, UploadReport } from "./upload.js";
