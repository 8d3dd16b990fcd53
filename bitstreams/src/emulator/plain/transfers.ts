/** LOAD and STORE in plain TypeScript. */
import type { ActivationHost, TapsWork } from "../engine.js";
import { pixelAddress, type TensorView } from "../tensor-view.js";

/** DDR holds a pixel's words one after the other; the activation memory holds them `wordStride` apart. */
export function loadWords(host: ActivationHost, source: Uint8Array, target: TensorView): void {
  forEachWord(host, target, (next, at, activation) => {
    for (let lane = 0; lane < host.geometry.inputs; lane += 1) activation[at + lane] = source[next + lane];
  });
}

export function storeWords(host: ActivationHost, source: TensorView, target: Uint8Array): void {
  forEachWord(host, source, (next, at, activation) => {
    for (let lane = 0; lane < host.geometry.inputs; lane += 1) target[next + lane] = activation[at + lane];
  });
}

type WordVisitor = (packed: number, address: number, activation: Uint8Array) => void;

function forEachWord(host: ActivationHost, view: TensorView, visit: WordVisitor): void {
  const { activation, geometry } = host;
  let next = 0;
  for (let y = 0; y < view.height; y += 1) {
    for (let x = 0; x < view.width; x += 1) {
      let at = pixelAddress(view, y, x, geometry);
      for (let word = 0; word < view.words; word += 1) {
        visit(next, at, activation);
        next += geometry.inputs;
        at += view.wordStride;
      }
    }
  }
}

/** Every window of a packed image becomes one pixel's channels [tap][channel]. */
export function loadTaps(host: ActivationHost, work: TapsWork, source: Uint8Array): void {
  const { activation, geometry } = host;
  const { inputs } = geometry;
  const { height, width, channels, window, target } = work;
  const pixel = new Uint8Array(target.words * inputs);
  for (let y = 0; y < target.height; y += 1) {
    for (let x = 0; x < target.width; x += 1) {
      let next = 0;
      for (let ky = 0; ky < window.kernelHeight; ky += 1) {
        const row = y * window.strideHeight - window.padTop + ky;
        for (let kx = 0; kx < window.kernelWidth; kx += 1) {
          const column = x * window.strideWidth - window.padLeft + kx;
          const inside = row >= 0 && row < height && column >= 0 && column < width;
          const from = (row * width + column) * channels;
          for (let channel = 0; channel < channels; channel += 1) {
            pixel[next] = inside ? source[from + channel] : window.padValue;
            next += 1;
          }
        }
      }
      const at = pixelAddress(target, y, x, geometry);
      for (let byte = 0; byte < pixel.length; byte += 1) {
        const lane = byte % inputs;
        activation[at + ((byte - lane) / inputs) * target.wordStride + lane] = pixel[byte];
      }
    }
  }
}
