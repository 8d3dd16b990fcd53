import { importModel } from "@sluice/sdk/import";
import { describe, expect, it } from "vitest";
import { OnnxBuilder } from "../../support/onnx-builder.js";
import { hasSharedData, sharedFile } from "../../support/shared-data.js";

const refusal = (bytes: Uint8Array, file = "model.bin") => {
  try {
    importModel(bytes, { file });
  } catch (error) {
    return error as { name: string; code: string; found?: string; place?: string; hint?: string };
  }
  return undefined;
};

describe("importModel", () => {
  it("recognises ONNX by its content, whatever the file is called", () => {
    const builder = new OnnxBuilder();
    const output = builder.quant("input", { scale: 0.25 });
    const relu = builder.node("Relu", [output]);
    const graph = importModel(builder.build(relu, [1, 1, 2, 2]), { file: "/some/folder/weird.tflite" });
    expect(graph.source).toMatchObject({ format: "qonnx", file: "weird.tflite" });
  });

  it.skipIf(!hasSharedData)("recognises TFLite by its content", () => {
    const bytes = sharedFile("models", "pretrainedResnet_quant.tflite");
    expect(importModel(bytes, { file: "resnet.onnx" }).source.format).toBe("tflite-int8");
  });

  const others = [
    { name: "an empty file", bytes: new Uint8Array(), found: "empty" },
    { name: "a ZIP archive", bytes: Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0), found: "ZIP" },
    { name: "HDF5", bytes: Uint8Array.of(0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10), found: "HDF5" },
    { name: "noise", bytes: new Uint8Array(64).fill(0xff), found: "64 bytes" },
  ];
  for (const { name, bytes, found } of others) {
    it(`refuses ${name} with a hint`, () => {
      const error = refusal(bytes);
      expect(error).toMatchObject({ name: "ImportError", code: "not-a-model", place: "model.bin" });
      expect(error?.found).toContain(found);
      expect(error?.hint).toBeTruthy();
    });
  }
});
