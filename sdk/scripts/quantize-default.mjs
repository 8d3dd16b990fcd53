// Makes the committed files of the default model from the float parameters that train-default.mjs left.
//
//   node sdk/scripts/quantize-default.mjs [--parameters FILE] [--out DIR] [--images 2000]
//
// Writes resnet8-shapes.onnx, test_batch.bin.gz and batches.meta.txt, and prints the accuracy of the float network and
// of the integer network (the file imported again and run by the reference interpreter) on fresh images.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { importOnnx } from "../dist/import/onnx/index.js";
import { createInputEncoder, defaultPreprocessing } from "../dist/preprocess/index.js";
import { createReference } from "../dist/reference/index.js";
import { BATCH_NORM_EPSILON } from "../dist/train/batch-norm.js";
import {
  CALIBRATION_SEED,
  COMMITTED_IMAGES,
  shapesBatch,
  TEST_SEED,
} from "../dist/train/default-test-set.js";
import { parseParameters } from "../dist/train/parameter-file.js";
import { quantizeResNet8 } from "../dist/train/quantize-resnet8.js";
import { foldBatchNorm, foldedLogits } from "../dist/train/resnet8.js";
import { drawShapeImages, SHAPE_CLASSES, SHAPE_IMAGE_BYTES } from "../dist/train/shapes-dataset.js";
import { loadTensorflow } from "../dist/train/tensorflow.js";
import { pixelsToTensor } from "../dist/train/train-resnet8.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: options } = parseArgs({
  options: {
    parameters: { type: "string", default: here("../build/resnet8-shapes.f32") },
    out: { type: "string", default: here("../assets/default") },
    images: { type: "string", default: "2000" },
  },
});
const count = Number(options.images);
const FILE = "resnet8-shapes.onnx";

const tf = await loadTensorflow();
const parameters = parseParameters(readFileSync(options.parameters));
const calibration = pixelsToTensor(tf, drawShapeImages(CALIBRATION_SEED, 0, 256).pixels, 256);
const bytes = quantizeResNet8(tf, parameters, calibration);
mkdirSync(options.out, { recursive: true });
writeFileSync(join(options.out, FILE), bytes);
const batch = gzipSync(shapesBatch(TEST_SEED, COMMITTED_IMAGES), { level: 9 });
writeFileSync(join(options.out, "test_batch.bin.gz"), batch);
writeFileSync(join(options.out, "batches.meta.txt"), `${SHAPE_CLASSES.join("\n")}\n`);
const sha256 = createHash("sha256").update(bytes).digest("hex");
console.log(`${FILE}: ${bytes.length} bytes, sha256 ${sha256}`);
console.log(`test_batch.bin.gz: ${batch.length} bytes, ${COMMITTED_IMAGES} images`);

const { pixels, labels } = drawShapeImages(TEST_SEED, 0, count);
const folded = foldBatchNorm(parameters, BATCH_NORM_EPSILON);
const argmax = (values) => values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
const graph = importOnnx(bytes, { file: FILE });
const encoder = createInputEncoder(defaultPreprocessing(graph), graph);
const reference = createReference(graph);
const right = { float: 0, integer: 0, agree: 0, committed: 0 };
for (let first = 0; first < count; first += 100) {
  const size = Math.min(100, count - first);
  const part = pixels.subarray(first * SHAPE_IMAGE_BYTES, (first + size) * SHAPE_IMAGE_BYTES);
  const logits = tf.tidy(() => foldedLogits(tf, folded, pixelsToTensor(tf, part, size)).arraySync());
  for (let i = 0; i < size; i++) {
    const at = i * SHAPE_IMAGE_BYTES;
    const data = part.subarray(at, at + SHAPE_IMAGE_BYTES);
    const image = { kind: "pixels", height: 32, width: 32, channels: 3, data };
    const integer = argmax(Array.from(reference.run(encoder.encode(image)).output));
    const float = argmax(logits[i]);
    right.float += float === labels[first + i];
    right.integer += integer === labels[first + i];
    right.committed += first + i < COMMITTED_IMAGES && integer === labels[first + i];
    right.agree += integer === float;
  }
}
const percent = (n, of) => `${n} of ${of} (${((100 * n) / of).toFixed(2)} %)`;
console.log(`float    ${percent(right.float, count)}`);
console.log(`integer  ${percent(right.integer, count)}, by the reference interpreter`);
console.log(`same class in both  ${percent(right.agree, count)}`);
console.log(`integer, committed images  ${percent(right.committed, Math.min(count, COMMITTED_IMAGES))}`);
