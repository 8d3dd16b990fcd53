/**
 * Damaged TensorFlow Lite files: every one must give a typed error or a graph that validates; never another
 * exception, a hang, or memory out of proportion to the file.
 */
import { SluiceError } from "@sluice/sdk/errors.js";
import { validateGraph } from "@sluice/sdk/graph/validate.js";
import { importTflite, importTfliteFloat } from "@sluice/sdk/import/tflite";
import { describe, expect, it } from "vitest";
import { mutate } from "../support/mutate.js";
import { type SeededRandom, seededRandom } from "../support/seeded-random.js";
import { hasSharedData, sharedFile } from "../support/shared-data.js";
import { buildTflite } from "../support/tflite-builder.js";
import { tinyTflite } from "../support/tiny-tflite.js";

const SLOWEST_MS = 10_000;
const LARGEST_PARAMETERS_PER_BYTE = 64;

/** Overwrites aligned words with lengths and offsets that point somewhere else. */
function redirect(original: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = Uint8Array.from(original);
  const view = new DataView(bytes.buffer);
  for (let count = random.integer(1, 3); count > 0; count -= 1) {
    const at = 4 * random.integer(0, (bytes.length >> 2) - 1);
    const value = random.pick([
      random.integer(0, bytes.length),
      0xffff_ffff,
      0x7fff_ffff,
      0x1000_0000,
      bytes.length - at,
      random.integer(0, 64),
    ]);
    view.setUint32(at, value, true);
  }
  return bytes;
}

function survives(bytes: Uint8Array, label: string): "graph" | "error" {
  const start = performance.now();
  let result: "graph" | "error" = "error";
  try {
    const graph = importTflite(bytes, { file: "fuzz.tflite" });
    validateGraph(graph);
    const parameters = new Set(
      graph.nodes.flatMap((node) => (node.kind === "convolution" ? [node.weights, node.bias] : [])),
    );
    const held = [...parameters].reduce((sum, array) => sum + array.byteLength, 0);
    expect(held, label).toBeLessThan(LARGEST_PARAMETERS_PER_BYTE * bytes.length + 1_000_000);
    result = "graph";
  } catch (error) {
    if (!(error instanceof SluiceError)) throw new Error(`${label}: ${String(error)}`, { cause: error });
    expect(error.code, label).toBeTruthy();
    expect(error.message, label).toBeTruthy();
  }
  expect(performance.now() - start, label).toBeLessThan(SLOWEST_MS);
  return result;
}

function fuzz(original: Uint8Array, seed: number, rounds: number): { graphs: number; errors: number } {
  const counts = { graphs: 0, errors: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const random = seededRandom(seed + round);
    let bytes = random.integer(0, 1) === 0 ? mutate(original, random) : redirect(original, random);
    if (random.integer(0, 3) === 0) bytes = bytes.length >= 8 ? redirect(bytes, random) : bytes;
    const result = survives(bytes, `seed ${seed + round}`);
    counts[result === "graph" ? "graphs" : "errors"] += 1;
  }
  return counts;
}

describe("damaged .tflite files", () => {
  it("2,000 mutations read as a float model", () => {
    const original = buildTflite(tinyTflite());
    const counts = { graphs: 0, errors: 0 };
    for (let round = 0; round < 2000; round += 1) {
      const random = seededRandom(0xf7 + round);
      const bytes = random.integer(0, 1) === 0 ? mutate(original, random) : redirect(original, random);
      try {
        importTfliteFloat(bytes, { file: "fuzz.tflite" });
        counts.graphs += 1;
      } catch (error) {
        if (!(error instanceof SluiceError)) throw new Error(`seed ${0xf7 + round}`, { cause: error });
        counts.errors += 1;
      }
    }
    expect(counts.graphs).toBeGreaterThan(100);
    expect(counts.errors).toBeGreaterThan(500);
  });

  it("10,500 mutations of a small network", () => {
    const counts = fuzz(buildTflite(tinyTflite()), 0x51, 10_500);
    // Both must happen, or the mutations miss the point.
    expect(counts.graphs).toBeGreaterThan(500);
    expect(counts.errors).toBeGreaterThan(5_000);
  });

  it("every truncation of a small network is a typed error", () => {
    const bytes = buildTflite(tinyTflite());
    for (let length = 0; length < bytes.length; length += 3) {
      expect(survives(bytes.subarray(0, length), `truncated to ${length}`)).toBe("error");
    }
  });

  it.skipIf(!hasSharedData)("100 mutations of a real ResNet-8", () => {
    fuzz(sharedFile("models", "pretrainedResnet_quant.tflite"), 0x8e5, 100);
  });
});
