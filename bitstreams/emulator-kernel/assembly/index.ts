// The emulator's inner loops for WASM SIMD. bitstreams/src/emulator/wasm calls them and owns the memory layout.
export { addPairs } from "./add";
export { convolve } from "./convolution";
export { tensorCrc } from "./crc";
export { convolveDepthwise } from "./depthwise";
export { poolMax, poolSum } from "./pool";
export { stageADouble, stageAProduct, stageAShift } from "./stage-a";
export { stageBDouble, stageBPlain, stageBProduct, stageBShift, stageBTable } from "./stage-b";
export { loadTaps, moveWords } from "./taps";
export { widen } from "./widen";

/** First byte the host may use. */
export function heapBase(): usize {
  return __heap_base;
}
