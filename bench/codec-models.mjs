/** The real models whose weights the codec benches measure, as layers in demand order. */

import { inflateRawSync } from "node:zlib";
import { weightsOfGraph } from "@sluice/sdk/codec";
import { importModel } from "@sluice/sdk/import";
import { toDemandOrder } from "@sluice/sdk/overlay";
import { resnet50Layers } from "./codec/resnet50-headers.mjs";
import { squeezeNetLayers } from "./codec/squeezenet-net.mjs";
import { sharedFile } from "./shared-data.mjs";

const OUTPUT_TILE = 16;

/** @param order of the codes in a codebook: `frequency` or `value` */
export function modelLayers(file, order) {
  const read = (...path) => sharedFile("models", ...path);
  if (file === "resnet50_w1a2") return resnet50Layers((name) => read(file, name), OUTPUT_TILE);
  if (file.endsWith(".net")) {
    const graph = read("SqueezeNet_deploy.prototxt").toString("latin1");
    return squeezeNetLayers(read(file), graph, OUTPUT_TILE, order);
  }
  if (file.endsWith(".npz")) return npzLayers(sharedFile("models", file));
  return weightsOfGraph(importModel(new Uint8Array(sharedFile("models", file)), { file }), OUTPUT_TILE);
}

/** The int8 arrays called NAME.codes of a .npz file: OHWI, or [outputs][inputs]. */
function npzLayers(bytes) {
  return zipEntries(bytes)
    .filter(({ name }) => name.endsWith(".codes.npy"))
    .map(({ name, data }) => {
      const headerBytes = data.readUInt16LE(8);
      const header = data.toString("latin1", 10, 10 + headerBytes);
      const shape = /'shape': \(([^)]*)\)/
        .exec(header)[1]
        .split(",")
        .filter((text) => text.trim() !== "")
        .map(Number);
      const [outputs, kernelHeight, kernelWidth, inputs] =
        shape.length === 4 ? shape : [shape[0], 1, 1, shape[1]];
      const layout = { outputs, inputs, kernelHeight, kernelWidth, outputTile: OUTPUT_TILE };
      const ohwi = new Int8Array(data.subarray(10 + headerBytes));
      return { name: name.slice(0, -".codes.npy".length), layout, weights: toDemandOrder(ohwi, layout) };
    });
}

/** Entries of a ZIP file by its central directory. */
function zipEntries(bytes) {
  const end = bytes.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  let at = bytes.readUInt32LE(end + 16);
  return Array.from({ length: bytes.readUInt16LE(end + 10) }, () => {
    const [method, compressed] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20)];
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const local = bytes.readUInt32LE(at + 42);
    const name = bytes.toString("utf8", at + 46, at + 46 + nameBytes);
    at += 46 + nameBytes + extraBytes + commentBytes;
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const data = bytes.subarray(start, start + compressed);
    return { name, data: method === 0 ? data : inflateRawSync(data) };
  });
}
