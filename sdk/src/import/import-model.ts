/** One entry for every model format: the content decides, never the file's name. */
import { ImportError } from "../errors.js";
import type { Graph } from "../graph/types.js";
import { importOnnx } from "./onnx/index.js";
import { importTflite } from "./tflite/index.js";

export interface ImportModelOptions {
  /** Name of the file, for messages and the Graph's source; a path is cut to its last part. */
  readonly file: string;
}

/** Bytes 4..7 of a TFLite file, the FlatBuffers file identifier. */
const TFLITE_IDENTIFIER = "TFL3";

/** Formats people try, with what to do about them. */
const otherFormats: readonly (readonly [start: readonly number[], name: string, hint: string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], "a ZIP archive (PyTorch or Keras)", "Export the model to QONNX or int8 TFLite."],
  [[0x89, 0x48, 0x44, 0x46], "an HDF5 file (Keras)", "Convert the model to int8 TFLite."],
  [[0x80], "a Python pickle (PyTorch)", "Export the model to QONNX from PyTorch."],
  [[0x7b], "JSON", "Give the model file itself, a .onnx or .tflite file."],
];

/**
 * @throws {ImportError} `not-a-model` for anything that is neither TFLite nor ONNX; otherwise what the format's own
 * importer throws.
 * @example const graph = importModel(readFileSync("resnet8.onnx"), { file: "resnet8.onnx" });
 */
export function importModel(bytes: Uint8Array, options: ImportModelOptions): Graph {
  const file = options.file.split(/[\\/]/).at(-1) || "model";
  const identifier = new TextDecoder("latin1").decode(bytes.subarray(4, 8));
  if (identifier === TFLITE_IDENTIFIER) return importTflite(bytes, { file });
  if (looksLikeProtobuf(bytes)) return importOnnx(bytes, { file });
  const other = otherFormats.find(([start]) => start.every((byte, index) => bytes[index] === byte));
  throw new ImportError("not-a-model", "The file is neither an ONNX nor a TFLite model.", {
    place: file,
    expected: "an .onnx or .tflite file",
    found: bytes.length === 0 ? "an empty file" : (other?.[1] ?? `${bytes.length} bytes of another kind`),
    hint: other?.[2] ?? "Check that the path names the model and that the file was copied completely.",
  });
}

/** Does it begin with a field of ONNX's ModelProto? Numbers 1, 5: varint; 2, 3, 4, 6, 7, 8, 14, 20, 25: bytes. */
function looksLikeProtobuf(bytes: Uint8Array): boolean {
  if (bytes.length < 2) return false;
  const field = bytes[0] >> 3;
  const wireType = bytes[0] & 7;
  if (bytes[0] >= 0x80) return false;
  return wireType === 0
    ? field === 1 || field === 5
    : wireType === 2 && [2, 3, 4, 6, 7, 8, 14].includes(field);
}
