export * from "@sluice/board-firmware/transport";
