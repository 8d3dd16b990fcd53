export * from "./board-config.js";
export * from "./emulated-board.js";
export * from "./find-boards.js";
export * from "./mdns.js";
export * from "./open-link.js";
export * from "./usb-serial.js";
