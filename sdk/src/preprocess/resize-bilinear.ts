/**
 * Bilinear resize of 8-bit pictures: half-pixel centres, edge pixels repeated, no antialiasing (what TensorFlow calls
 * ResizeBilinear with half_pixel_centers, and PyTorch align_corners=False with antialias=False).
 *
 * The result is fixed to the last bit: the source position is (i + 0.5) * size / target - 0.5, the two rows are
 * blended first, then the two columns, each as a*(1-f) + b*f in IEEE doubles from left to right, and the value is
 * floor(v + 0.5). Another order of blending moves about one value in 10,000 by one, through ties that doubles miss.
 */
interface Tap {
  readonly low: number;
  readonly high: number;
  readonly fraction: number;
}

function taps(size: number, target: number): Tap[] {
  return Array.from({ length: target }, (_, i) => {
    const position = ((i + 0.5) * size) / target - 0.5;
    const floor = Math.floor(position);
    return {
      low: Math.max(0, floor),
      high: Math.min(size - 1, floor + 1),
      fraction: position - floor,
    };
  });
}

/** `pixels` is [height][width][channels]; the result [targetHeight][targetWidth][channels]. */
export function resizeBilinear(
  pixels: Uint8Array,
  height: number,
  width: number,
  channels: number,
  targetHeight: number,
  targetWidth: number,
): Uint8Array {
  if (height === targetHeight && width === targetWidth) return pixels;
  const rows = taps(height, targetHeight);
  const columns = taps(width, targetWidth);
  const result = new Uint8Array(targetHeight * targetWidth * channels);
  let out = 0;
  for (const { low: top, high: bottom, fraction: fy } of rows) {
    for (const { low: left, high: right, fraction: fx } of columns) {
      for (let c = 0; c < channels; c++) {
        const at = (y: number, x: number) => pixels[(y * width + x) * channels + c];
        const leftValue = at(top, left) * (1 - fy) + at(bottom, left) * fy;
        const rightValue = at(top, right) * (1 - fy) + at(bottom, right) * fy;
        result[out] = Math.floor(leftValue * (1 - fx) + rightValue * fx + 0.5);
        out += 1;
      }
    }
  }
  return result;
}
