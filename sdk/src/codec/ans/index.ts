export * from "./codec.js";
export * from "./decode.js";
export * from "./decode-reference.js";
export * from "./encode.js";
