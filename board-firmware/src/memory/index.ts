export * from "./arena.js";
export * from "./check-arena.js";
export * from "./contiguous-memory.js";
export * from "./dma-heap.js";
export * from "./open-memory.js";
export * from "./udmabuf.js";
