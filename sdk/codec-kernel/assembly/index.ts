/** Kernels of the weight codec; every pointer is a byte address in the memory the caller shares. */
export { crc32c } from "./crc32c";
export { decodePairs, decodeSingles, startLanes } from "./decode";
export { encodeChunks, writeWords } from "./encode";
export {
  classesOfTiles,
  costsOfOutputs,
  sumsOfCells,
  sumsOfOutputs,
  sumsOfRange,
  toChannelOrder,
} from "./fit";
export { predict } from "./predict";
