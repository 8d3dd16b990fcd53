export * from "./convolution.js";
export * from "./reference.js";
export * from "./rounding.js";
export * from "./softmax.js";
