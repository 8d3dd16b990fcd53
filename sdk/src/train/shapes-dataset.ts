/**
 * Draws the images the default model is trained and tested on: one figure out of ten (shape-outlines.ts) on a 32x32
 * RGB picture, with random colours, size, position, rotation, stretch, shading, texture, clutter, occlusion and noise.
 *
 * Image `index` of `seed` is a pure function of the two numbers and of IEEE 754 arithmetic (+ - * / and floor), so it
 * is the same on every machine. test/sdk/train/ holds hashes.
 */
import { Prng } from "./prng.js";
import { SHAPE_CLASSES, SHAPE_OUTLINES } from "./shape-outlines.js";

export { SHAPE_CLASSES };

/** Height and width of an image. */
export const SHAPE_IMAGE_SIZE = 32;
/** Bytes of one image: 32 x 32 x 3. */
export const SHAPE_IMAGE_BYTES = SHAPE_IMAGE_SIZE * SHAPE_IMAGE_SIZE * 3;

export interface ShapeImage {
  /** 0..255, [32][32][3] (row-major, RGB). */
  readonly pixels: Uint8Array;
  /** Index into SHAPE_CLASSES. */
  readonly label: number;
}

type Colour = readonly [number, number, number];

const SIZE = SHAPE_IMAGE_SIZE;
/** Sub-pixel positions per axis: coverage comes in ninths. */
const SAMPLES = 3;
/** Smallest sum of channel differences between the figure and the background it stands on. */
const MIN_CONTRAST = 180;
/** Tangent of half the largest rotation of a figure, 28 degrees either way. */
const MAX_TILT = 0.25;
/** Largest distance of a figure's centre from the picture's, per axis, in pixels. */
const MAX_SHIFT = 3.5;

function randomColour(random: Prng): Colour {
  return [random.below(256), random.below(256), random.below(256)];
}

function contrast(a: Colour, b: Colour): number {
  return Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]) + Math.abs(a[2] - b[2]);
}

function colourAwayFrom(random: Prng, others: readonly Colour[]): Colour {
  for (;;) {
    const colour = randomColour(random);
    if (others.every((other) => contrast(colour, other) >= MIN_CONTRAST)) return colour;
  }
}

type Direction = readonly [cos: number, sin: number];

/** A unit vector with tan(angle / 2) within -bound..bound: rational, so no library function is involved. */
function tilt(random: Prng, bound: number): Direction {
  const t = random.uniform(-bound, bound);
  return [(1 - t * t) / (1 + t * t), (2 * t) / (1 + t * t)];
}

/** A line's direction: any angle within -90..90 degrees. */
function randomDirection(random: Prng): Direction {
  return tilt(random, 1);
}

/** Fills the canvas with a gradient between two near or far colours, or with stripes or a checkerboard of them. */
function paintBackground(random: Prng, canvas: Float64Array): readonly Colour[] {
  const first = randomColour(random);
  const kind = random.below(4);
  const spread = kind === 0 ? 80 : 36;
  const second = first.map((v) => Math.min(255, Math.max(0, v + random.between(-spread, spread)))) as [
    number,
    number,
    number,
  ];
  const [cos, sin] = randomDirection(random);
  const period = random.uniform(3, 9);
  const phase = random.uniform(0, 16);
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const along = (x - 15.5) * cos + (y - 15.5) * sin;
      const across = (y - 15.5) * cos - (x - 15.5) * sin;
      let mix = (along + 22) / 44;
      if (kind === 1) mix = Math.floor((along + 64 + phase) / period) & 1;
      if (kind === 2)
        mix = (Math.floor((along + 64 + phase) / period) + Math.floor((across + 64) / period)) & 1;
      for (let c = 0; c < 3; c++)
        canvas[(y * SIZE + x) * 3 + c] = first[c as 0] + (second[c as 0] - first[c as 0]) * mix;
    }
  }
  return [first, second];
}

/** Short strokes and specks anywhere: too thin and too small to be one of the figures. */
function paintClutter(random: Prng, canvas: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const colour = randomColour(random);
    const [cos, sin] = randomDirection(random);
    const centreX = random.uniform(0, SIZE);
    const centreY = random.uniform(0, SIZE);
    const halfLength = random.uniform(1, 5);
    const halfWidth = random.uniform(0.5, 1.1);
    paint(
      canvas,
      centreX,
      centreY,
      halfLength + halfWidth,
      (x, y) => {
        const along = (x - centreX) * cos + (y - centreY) * sin;
        const across = (y - centreY) * cos - (x - centreX) * sin;
        return along < halfLength && along > -halfLength && across < halfWidth && across > -halfWidth;
      },
      () => colour,
    );
  }
}

/** Blends `colourAt` over the canvas with the share of sub-pixels inside, looking no further than `reach` from (x, y). */
function paint(
  canvas: Float64Array,
  centreX: number,
  centreY: number,
  reach: number,
  inside: (x: number, y: number) => boolean,
  colourAt: (x: number, y: number) => Colour,
): void {
  const top = Math.max(0, Math.floor(centreY - reach));
  const bottom = Math.min(SIZE - 1, Math.floor(centreY + reach));
  const left = Math.max(0, Math.floor(centreX - reach));
  const right = Math.min(SIZE - 1, Math.floor(centreX + reach));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      let hits = 0;
      for (let j = 0; j < SAMPLES; j++)
        for (let i = 0; i < SAMPLES; i++)
          if (inside(x + (2 * i + 1) / (2 * SAMPLES), y + (2 * j + 1) / (2 * SAMPLES))) hits += 1;
      if (hits === 0) continue;
      const colour = colourAt(x, y);
      const cover = hits / (SAMPLES * SAMPLES);
      const at = (y * SIZE + x) * 3;
      for (let c = 0; c < 3; c++) canvas[at + c] += (colour[c as 0] - canvas[at + c]) * cover;
    }
  }
}

function paintFigure(random: Prng, canvas: Float64Array, label: number, background: readonly Colour[]): void {
  const outline = SHAPE_OUTLINES[label];
  const first = colourAwayFrom(random, background);
  const second = random.chance(1, 2)
    ? first
    : (first.map((v) => Math.min(255, Math.max(0, v + random.between(-40, 40)))) as [number, number, number]);
  const [cos, sin] = tilt(random, MAX_TILT);
  const radius = random.uniform(9, 14);
  const stretch = random.uniform(0.87, 1.15);
  const centreX = SIZE / 2 + random.uniform(-MAX_SHIFT, MAX_SHIFT);
  const centreY = SIZE / 2 + random.uniform(-MAX_SHIFT, MAX_SHIFT);
  const mirrored = random.chance(1, 2) ? -1 : 1;
  const period = random.uniform(2, 5);
  paint(
    canvas,
    centreX,
    centreY,
    radius * 1.7, // corners of the unit square, stretched
    (x, y) => {
      const dx = (x - centreX) / radius;
      const dy = (centreY - y) / radius; // outlines have y pointing up
      return outline((dx * cos + dy * sin) * mirrored * stretch, (dy * cos - dx * sin) / stretch);
    },
    (x, y) => (Math.floor((x * sin + y * cos + 64) / period) & 1 ? first : second),
  );
}

/** Adds uniform noise of a random strength to every channel and a random overall brightness; returns 8-bit pixels. */
function finish(random: Prng, canvas: Float64Array): Uint8Array {
  const strength = random.below(24);
  const gain = random.uniform(0.75, 1.1);
  const pixels = new Uint8Array(SHAPE_IMAGE_BYTES);
  for (let i = 0; i < pixels.length; i++) {
    const noise = random.between(-strength, strength);
    pixels[i] = Math.min(255, Math.max(0, Math.floor(canvas[i] * gain + noise + 0.5)));
  }
  return pixels;
}

/** Draws image `index` (0..2^32-1) of the endless set `seed`; labels are drawn too, each class being equally likely. */
export function drawShapeImage(seed: number, index: number): ShapeImage {
  const random = new Prng(seed, index);
  const label = random.below(SHAPE_CLASSES.length);
  const canvas = new Float64Array(SHAPE_IMAGE_BYTES);
  const background = paintBackground(random, canvas);
  paintClutter(random, canvas, random.below(4));
  paintFigure(random, canvas, label, background);
  if (random.chance(1, 4)) paintClutter(random, canvas, random.between(1, 2)); // in front: an occlusion
  return { pixels: finish(random, canvas), label };
}

/** Draws `count` images from `first` on. pixels: [count][32][32][3]. */
export function drawShapeImages(
  seed: number,
  first: number,
  count: number,
): { readonly pixels: Uint8Array; readonly labels: Uint8Array } {
  const pixels = new Uint8Array(count * SHAPE_IMAGE_BYTES);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const image = drawShapeImage(seed, first + i);
    pixels.set(image.pixels, i * SHAPE_IMAGE_BYTES);
    labels[i] = image.label;
  }
  return { pixels, labels };
}
