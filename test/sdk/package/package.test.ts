import { decodeCbor, encodeCbor } from "@sluice/sdk/cbor";
import { PackageError, SluiceError } from "@sluice/sdk/errors.js";
import { HEADER_BYTES, PACKAGE_MAGIC, readPackage, sha256, writePackage } from "@sluice/sdk/package";
import pako from "pako";
import { describe, expect, it } from "vitest";
import { mutate } from "../../support/mutate.js";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.js";
import { tinyCompiled, tinyGraph, tinyWeights } from "../../support/tiny-package.js";

const graph = tinyGraph();
const preprocessing = { kind: "codes" };
const file = writePackage(tinyCompiled, graph, preprocessing);
const graphBytes = readPackage(file).manifest.sections.at(-1)!.bytes;
const inflatedGraph = pako.inflate(file.subarray(file.length - graphBytes));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof PackageError) return error.code;
    throw error;
  }
  return "no error";
}

describe("the .sluice package", () => {
  it("gives back what was written", () => {
    const { manifest, compiled, readGraph } = readPackage(file);
    expect(compiled).toEqual(tinyCompiled);
    expect(manifest.preprocessing).toEqual(preprocessing);
    expect(readGraph()).toEqual(graph);
  });

  it("is the same file every time", () => {
    expect(writePackage(tinyCompiled, graph, preprocessing)).toEqual(file);
  });

  it("keeps graph weights inline when no layer's stream equals them", () => {
    const odd = tinyGraph(Int16Array.from(tinyWeights, (weight, index) => (index === 5 ? 0 : weight + 128)));
    expect(readPackage(writePackage(tinyCompiled, odd, preprocessing)).readGraph()).toEqual(odd);
  });

  it("names another kind of file", () => {
    expect(codeOf(() => readPackage(new TextEncoder().encode("TFL3")))).toBe("not-a-package");
    expect(codeOf(() => readPackage(new Uint8Array(0)))).toBe("not-a-package");
  });

  it("notices a text-mode transfer", () => {
    const damaged = Uint8Array.from(file);
    damaged.set([0x0a, 0x1a, 0x0a, 0x00], 4);
    expect(codeOf(() => readPackage(damaged))).toBe("damaged-transfer");
  });

  it("refuses a future version before it reads anything else", () => {
    const future = Uint8Array.from(file);
    future[8] = 2;
    future.fill(0, 16);
    expect(codeOf(() => readPackage(future))).toBe("future-version");
  });

  it("refuses a manifest that claims more than the limit", () => {
    const oversized = Uint8Array.from(file);
    new DataView(oversized.buffer).setUint32(12, 0xffff_ffff, true);
    expect(codeOf(() => readPackage(oversized))).toBe("oversized");
  });

  it("notices every truncation", () => {
    for (let length = PACKAGE_MAGIC.length; length < file.length; length += 1) {
      expect(codeOf(() => readPackage(file.subarray(0, length)))).toBe("truncated");
    }
  });

  it("notices appended bytes", () => {
    expect(codeOf(() => readPackage(Uint8Array.of(...file, 0)))).toBe("trailing-bytes");
  });

  it("refuses sections that overlap", () => {
    const [program, weights, parameters] = tinyCompiled.sections;
    const overlapping = { ...tinyCompiled, sections: [program, weights, { ...parameters, offset: 80 }] };
    expect(codeOf(() => readPackage(writePackage(overlapping, graph, preprocessing)))).toBe("bad-layout");
  });

  it("names damage in a section", () => {
    const damaged = Uint8Array.from(file);
    damaged[damaged.length - 1] ^= 1;
    expect(codeOf(() => readPackage(damaged))).toBe("corrupt-section");
  });

  it("answers 10,000 damaged files with a typed error each", () => {
    const seed = Number(process.env.SLUICE_SEED ?? 20_261);
    const random = seededRandom(seed);
    let refused = 0;
    for (let round = 0; round < 10_000; round += 1) {
      const damaged = mutate(file, random);
      try {
        readPackage(damaged).readGraph();
        expect(Buffer.from(damaged).equals(file), `seed ${seed}, round ${round}: damage unnoticed`).toBe(
          true,
        );
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error;
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(9_000);
  });

  it("answers 10,000 damaged manifests and graphs whose hashes were made right again", () => {
    const seed = Number(process.env.SLUICE_SEED ?? 20_262);
    const random = seededRandom(seed);
    let refused = 0;
    for (let round = 0; round < 10_000; round += 1) {
      try {
        readPackage(forge(round % 2 === 0 ? "manifest" : "graph", random)).readGraph();
      } catch (error) {
        if (!(error instanceof SluiceError)) {
          throw new Error(`seed ${seed}, round ${round}: ${String(error)}`, { cause: error });
        }
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(5_000);
  });
});

/** What an attacker writes: damage inside, every hash and length right. */
function forge(what: "manifest" | "graph", random: SeededRandom): Uint8Array {
  const manifestBytes = new DataView(file.buffer).getUint32(12, true);
  let manifest = file.subarray(HEADER_BYTES, HEADER_BYTES + manifestBytes);
  let body = file.subarray(HEADER_BYTES + manifestBytes);
  if (what === "manifest") {
    manifest = mutate(manifest, random) as typeof manifest;
  } else {
    const document = decodeCbor(manifest) as {
      sections: { kind: string; bytes: number; sha256: Uint8Array }[];
    };
    const entry = document.sections.find(({ kind }) => kind === "graph")!;
    const forged = pako.deflate(mutate(inflatedGraph, random), { level: 1 });
    entry.bytes = forged.length;
    entry.sha256 = sha256(forged);
    manifest = encodeCbor(document) as typeof manifest;
    body = Uint8Array.of(...body.subarray(0, body.length - graphBytes), ...forged);
  }
  const forgery = new Uint8Array(HEADER_BYTES + manifest.length + body.length);
  forgery.set(file.subarray(0, 12));
  new DataView(forgery.buffer).setUint32(12, manifest.length, true);
  forgery.set(sha256(manifest), 16);
  forgery.set(manifest, HEADER_BYTES);
  forgery.set(body, HEADER_BYTES + manifest.length);
  return forgery;
}
