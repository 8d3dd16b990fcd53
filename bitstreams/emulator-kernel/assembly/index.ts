// The emulator's inner loops for WASM SIMD. bitstreams/src/emulator/wasm calls them and owns the memory layout.
export { addTables } from "./add";
export { convolve } from "./convolution";
export { convolveDepthwise } from "./depthwise";
export { poolMax, poolSum } from "./pool";
export { requantize } from "./requantize";
export { widen } from "./widen";

/** First byte the host may use. */
export function heapBase(): usize {
  return __heap_base;
}
