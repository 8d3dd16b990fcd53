/** One entry for the float formats that are a single file: the content decides, never the file's name. */
import type { FloatGraph } from "../../graph/float.js";
import { importOnnxFloat } from "../onnx/float/import-onnx-float.js";
import { importTfliteFloat } from "../tflite/float-import.js";

/** Bytes 4..7 of a TFLite file, the FlatBuffers file identifier. */
const TFLITE_IDENTIFIER = "TFL3";

/**
 * TensorFlow Lite (float or quantised, read as real numbers) or ONNX (float or QDQ).
 *
 * @throws {ImportError} what the format's own importer throws.
 * @example const graph = importFloatModel(readFileSync("resnet20_float.onnx"), { file: "resnet20_float.onnx" });
 */
export function importFloatModel(bytes: Uint8Array, { file }: { readonly file: string }): FloatGraph {
  const identifier = new TextDecoder("latin1").decode(bytes.subarray(4, 8));
  return identifier === TFLITE_IDENTIFIER
    ? importTfliteFloat(bytes, { file })
    : importOnnxFloat(bytes, { file });
}
