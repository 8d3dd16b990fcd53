/** CRC-32C of a tensor in the activation memory, in engine order (sdk/src/overlay/engine-order.ts). */
import { crc32c, engineTile, type OverlayGeometry } from "@sluice/sdk/overlay";
import { pixelAddress, type TensorView } from "../tensor-view.js";

export function tensorCrc(activation: Uint8Array, view: TensorView, geometry: OverlayGeometry): number {
  const { inputs } = geometry;
  const wordsPerTile = engineTile(geometry) / inputs;
  const bytes = new Uint8Array(view.height * view.width * view.words * inputs);
  let next = 0;
  for (let first = 0; first < view.words; first += wordsPerTile) {
    const end = Math.min(first + wordsPerTile, view.words);
    for (let y = 0; y < view.height; y += 1) {
      for (let x = 0; x < view.width; x += 1) {
        const pixel = pixelAddress(view, y, x, geometry);
        for (let word = first; word < end; word += 1) {
          const from = pixel + word * view.wordStride;
          for (let lane = 0; lane < inputs; lane += 1) {
            bytes[next] = activation[from + lane];
            next += 1;
          }
        }
      }
    }
  }
  return crc32c(bytes);
}
