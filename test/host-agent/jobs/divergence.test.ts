/** A board with other weights than the graph must be caught, and the first layer that differs be named. */
import { readFileSync } from "node:fs";
import { defaultModel } from "@sluice/host-agent/default-model.js";
import { prepareDeployment, verifyOnBoard } from "@sluice/host-agent/jobs/deploy-job.js";
import { findDivergence } from "@sluice/host-agent/jobs/divergence.js";
import { openInputs } from "@sluice/host-agent/jobs/input-source.js";
import { openLocalSession } from "@sluice/host-agent/jobs/local-session.js";
import type { LayerInfo } from "@sluice/sdk/compile";
import { describe, expect, it } from "vitest";

const quiet = { onLayers: () => undefined, onLogits: () => undefined };

async function verifyWith(change: (weights: Uint8Array) => void, layerName: string) {
  const { modelPath, dataset } = defaultModel();
  const deployment = prepareDeployment(modelPath, { geometry: "p8i8o16", codec: "raw" }, () => undefined);
  const { compiled, model, geometry } = deployment;
  const sections = compiled.sections.map((section) => {
    if (section.kind !== "weights" || !section.name.includes(layerName)) return section;
    const bytes = Uint8Array.from(section.bytes);
    change(bytes);
    return { ...section, bytes };
  });
  const source = await openInputs(model.graph, { dataset, limit: 2 });
  const session = await openLocalSession("emulated", geometry);
  try {
    await session.install(compiled.plan, sections, [], () => undefined);
    return await verifyOnBoard(session, deployment, source, 2, quiet);
  } finally {
    await session.close();
  }
}

describe("a board that computes something else", () => {
  it("is bit-exact as long as nothing was changed", async () => {
    const { check, comparison } = await verifyWith(() => undefined, "stack2.conv2");
    expect(check.divergence).toBeUndefined();
    expect(comparison).toMatchObject({ images: 2, mismatch: undefined });
  });

  it("is caught by one changed weight, in the right layer and channel", async () => {
    // Stored weights lie in demand order: byte 5 is output channel 5 of the first tile, tap 0, input 0.
    const { check } = await verifyWith((bytes) => {
      bytes[5] ^= 0x40;
    }, "stack2.conv2");
    expect(check.divergence).toMatchObject({ layer: "stack2.conv2", image: 0 });
    expect(check.divergence?.element[3]).toBe(5);
    expect(check.divergence?.cause).toMatch(/channels/);
    expect(check.divergence?.expected).not.toBe(check.divergence?.found);
  });
});

describe("the pattern of differences", () => {
  const layer = {
    index: 0,
    name: "layer",
    outputs: [{ tensor: "t", codeOffset: 128 }],
    shape: [4, 8, 16],
    rows: [0, 4],
  } as unknown as LayerInfo;
  const expected = Int8Array.from({ length: 4 * 8 * 16 }, (_, index) => (index * 29) % 251);
  const changed = (edit: (codes: Int8Array) => void) => {
    const codes = Int8Array.from(expected);
    edit(codes);
    return findDivergence(expected, codes, layer, 0, 7);
  };

  it("is nothing for equal tensors", () => {
    expect(changed(() => undefined)).toBeUndefined();
  });

  it("gives the element in the coordinates and integers of the source framework", () => {
    const found = changed((codes) => {
      codes[(2 * 8 + 3) * 16 + 4] = 7;
    });
    expect(found).toMatchObject({ element: [7, 2, 3, 4], found: 135, differing: 1 });
  });

  it.each([
    [
      "a flipped bit",
      (codes: Int8Array) => {
        codes[9] ^= 4;
      },
      /single bit/,
    ],
    [
      "steps of one",
      (codes: Int8Array) => {
        for (let i = 0; i < 99; i += 3) codes[i] += codes[i] < 127 ? 1 : -1;
      },
      /rounding/,
    ],
    [
      "one channel",
      (codes: Int8Array) => {
        for (let i = 3; i < codes.length; i += 16) codes[i] = ~codes[i];
      },
      /channels/,
    ],
    [
      "the last column",
      (codes: Int8Array) => {
        for (let i = 0; i < codes.length; i += 1) if (Math.floor(i / 16) % 8 === 7) codes[i] = ~codes[i];
      },
      /padding/,
    ],
    [
      "a constant",
      (codes: Int8Array) => {
        codes.fill(0);
      },
      /never written/,
    ],
    [
      "everything",
      (codes: Int8Array) => {
        for (let i = 0; i < codes.length; i += 1) codes[i] = ~codes[i];
      },
      /everywhere/,
    ],
  ])("names a likely cause for %s", (_, edit, cause) => {
    expect(changed(edit)?.cause).toMatch(cause);
  });
});

it("the bundled data set has its class names beside it", () => {
  const names = readFileSync(
    `${defaultModel().dataset.replace("cifar10:", "")}/batches.meta.txt`,
    "utf8",
  ).trim();
  expect(names.split("\n")).toHaveLength(10);
});
