export * from "./float/import-onnx-float.js";
export * from "./import-onnx.js";
