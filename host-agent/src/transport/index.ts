export * from "@sluice/board-firmware/transport";
export * from "./link.js";
