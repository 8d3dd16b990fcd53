export * from "./import-onnx.js";
