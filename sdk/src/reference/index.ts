export * from "./convolution.js";
export { type IntegerMemory, openIntegerMemory } from "./convolution-simd.js";
export * from "./reference.js";
export * from "./rounding.js";
export * from "./softmax.js";
