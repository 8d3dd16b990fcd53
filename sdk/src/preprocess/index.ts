export * from "./encode.js";
export * from "./input-image.js";
export * from "./preprocessing.js";
export * from "./resize-bilinear.js";
