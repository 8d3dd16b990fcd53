/** The labelled images that are committed with the default model, and the seeds that keep the sets apart. */
import { drawShapeImage, SHAPE_IMAGE_BYTES } from "./shapes-dataset.js";

/** Seed of training (train-default.mjs), of calibration and of testing: three disjoint endless sets. */
export const TRAINING_SEED = 20;
export const CALIBRATION_SEED = 21;
export const TEST_SEED = 22;
/** Images in the committed batch. */
export const COMMITTED_IMAGES = 500;

/** `count` images as a CIFAR-10 batch: per record the label, then the red, the green and the blue plane. */
export function shapesBatch(seed: number, count: number): Uint8Array {
  const record = 1 + SHAPE_IMAGE_BYTES;
  const plane = SHAPE_IMAGE_BYTES / 3;
  const bytes = new Uint8Array(count * record);
  for (let index = 0; index < count; index++) {
    const { pixels, label } = drawShapeImage(seed, index);
    const start = index * record;
    bytes[start] = label;
    for (let i = 0; i < SHAPE_IMAGE_BYTES; i++) {
      bytes[start + 1 + (i % 3) * plane + Math.floor(i / 3)] = pixels[i];
    }
  }
  return bytes;
}
