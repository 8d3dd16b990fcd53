/**
 * MobileNet v1 x0.25 (visual wake words, float) made integer: how often it says what the float model says, and bits per
 * weight, W8A8 and rate-distortion. There is no VWW data set here and no labels are needed. (Weight SQNR per layer:
 * bench/equalization.mjs.)
 *
 *   node bench/vww.mjs [--inputs 200] [--calibration 1024] [--lambdas 3e-7,1e-6,3e-6]
 *
 * The inputs are random square crops, half of them mirrored, of four photos of ../shared/data/photos (one shows a
 * person). Calibration uses crops of the five other photos and pictures of CIFAR-10's training batch 1, enlarged. So no
 * calibration picture shares a pixel with an input. The classes are those of the integers that the board would run.
 */
import { parseArgs } from "node:util";
import { decodePicture } from "@sluice/host-agent/datasets";
import { importFloatModel } from "@sluice/sdk/import/float";
import { createInputEncoder, defaultPreprocessing, resizeBilinear } from "@sluice/sdk/preprocess";
import { codedSize, lowerFloatGraph, quantizeModel } from "@sluice/sdk/quantize";
import { argmax, createReference } from "@sluice/sdk/reference";
import { createFloatInterpreter } from "@sluice/sdk/reference/float";
import { cifarTrainingImages, sharedFile } from "./shared-data.mjs";

const SIDE = 96;
const inputPhotos = ["grace_hopper.bmp", "pets.jpg", "owl.jpg", "bird.bmp"];
const calibrationPhotos = ["cat.bmp", "dragonfly.bmp", "hot_dog.jpg", "parrot.jpg", "sunflower.bmp"];

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "200" },
    calibration: { type: "string", default: "1024" },
    lambdas: { type: "string", default: "3e-7,1e-6,3e-6" },
  },
});
const file = "vww_96_float.tflite";
const model = importFloatModel(sharedFile("models", file), { file });
const inputs = await crops(inputPhotos, Number(values.inputs), seeded(1));
const calibration = await calibrationPictures(Number(values.calibration));
const images = Float32Array.from(
  calibration.flatMap((picture) => [...picture]),
  (pixel) => pixel / 255,
);
const floatClasses = classesInFloat(inputs);
const inputEncoding = { kind: "normalize", scale: 1 / 255, mean: [0], std: [1], rounding: "half-away" };

const perTensor = { method: "nearest", perChannel: false };
const rows = [
  ["W8A8 per tensor", perTensor],
  ["W8A8 per tensor, equalised", { ...perTensor, equalize: true }],
  ["W8A8 per channel", { method: "nearest" }],
  ...values.lambdas
    .split(",")
    .map((lambda) => [`rate-distortion ${lambda}`, { method: "rate-distortion", lambda: Number(lambda) }]),
];
const ones = floatClasses.reduce((sum, value) => sum + value, 0);
print(
  `${inputs.length} inputs, of which the float model calls ${ones} a person; ${calibration.length} to calibrate`,
);
print(
  `\n${"setting".padEnd(30)}${"agree %".padStart(9)}${"b/w".padStart(8)}${"bytes".padStart(9)}${"s".padStart(6)}`,
);
for (const [name, options] of rows) {
  const start = performance.now();
  const plan = quantizeModel(model, images, calibration.length, {
    ...options,
    inputRange: [0, 1],
    random: seeded(1),
  });
  const seconds = (performance.now() - start) / 1000;
  const graph = lowerFloatGraph(plan.model ?? model, plan, { inputEncoding });
  const size = codedSize(model, plan, graph);
  const classes = classesInIntegers(graph);
  const same = classes.filter((value, index) => value === floatClasses[index]).length;
  print(
    name.padEnd(30) +
      ((100 * same) / inputs.length).toFixed(1).padStart(9) +
      size.bitsPerWeight.toFixed(3).padStart(8) +
      String(size.weightBytes + size.sideBytes).padStart(9) +
      seconds.toFixed(0).padStart(6),
  );
}
function classesInFloat(pictures) {
  const interpreter = createFloatInterpreter(model, { batch: 1 });
  return pictures.map((picture) =>
    argmax(interpreter.run(Float32Array.from(picture, (pixel) => pixel / 255))),
  );
}

function classesInIntegers(graph) {
  const reference = createReference(graph);
  const encoder = createInputEncoder(defaultPreprocessing(graph), graph);
  return pictures().map((picture) => argmax(reference.run(encoder.encode(picture, "crop")).output));
}

function pictures() {
  return inputs.map((data) => ({ kind: "pixels", height: SIDE, width: SIDE, channels: 3, data }));
}

async function calibrationPictures(count) {
  const half = Math.ceil(count / 2);
  const cifar = cifarTrainingImages(count - half, 1);
  const enlarged = Array.from({ length: count - half }, (_, index) =>
    resizeBilinear(cifar.subarray(index * 3072, (index + 1) * 3072), 32, 32, 3, SIDE, SIDE),
  );
  return [...(await crops(calibrationPhotos, half, seeded(2))), ...enlarged];
}

/** Squares of 0.35 to 1 of the shorter side, the photos in turn. */
async function crops(names, count, random) {
  const photos = await Promise.all(
    names.map((name) => decodePicture(sharedFile("data", "photos", name), name)),
  );
  return Array.from({ length: count }, (_, index) => {
    const { height, width, data } = photos[index % photos.length];
    const side = Math.floor(Math.min(height, width) * (0.35 + 0.65 * random()));
    const top = Math.floor(random() * (height - side + 1));
    const left = Math.floor(random() * (width - side + 1));
    const mirrored = random() < 0.5;
    const square = new Uint8Array(side * side * 3);
    for (let y = 0; y < side; y += 1) {
      for (let x = 0; x < side; x += 1) {
        const from = ((top + y) * width + left + (mirrored ? side - 1 - x : x)) * 3;
        square.set(data.subarray(from, from + 3), (y * side + x) * 3);
      }
    }
    return resizeBilinear(square, side, side, 3, SIDE, SIDE);
  });
}

/** mulberry32 */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
