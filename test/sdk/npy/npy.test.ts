import { DatasetError } from "@sluice/sdk/errors.js";
import { formatNpy, type NpyData, parseNpy, parseNpyHeader } from "@sluice/sdk/npy";
import { describe, expect, it } from "vitest";
import { mutate } from "../../support/mutate.js";
import { readNpy } from "../../support/npy.js";
import { seededRandom } from "../../support/seeded-random.js";

const arrays: readonly (readonly [string, NpyData, readonly number[]])[] = [
  ["int8", Int8Array.of(-128, -1, 0, 127), [2, 2]],
  ["uint8", Uint8Array.of(0, 1, 254, 255, 7, 9), [1, 2, 3]],
  ["int32", Int32Array.of(-2147483648, 2147483647), [2]],
  ["float32", Float32Array.of(-0, 1.5, Number.POSITIVE_INFINITY, 1e-45), [4, 1, 1, 1]],
  ["empty", new Float32Array(0), [0, 3]],
  ["scalar", Int8Array.of(5), []],
];

/** Bytes of a .npy file with the given version and header text. */
function withHeader(version: number, text: string, data: Uint8Array): Uint8Array {
  const header = new TextEncoder().encode(text);
  const length =
    version === 1
      ? [header.length & 255, header.length >> 8]
      : [header.length & 255, header.length >> 8, 0, 0];
  return Uint8Array.from([
    0x93,
    ...new TextEncoder().encode("NUMPY"),
    version,
    0,
    ...length,
    ...header,
    ...data,
  ]);
}

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof DatasetError) return error.code;
    throw error;
  }
  return "no error";
};

describe(".npy", () => {
  it.each(arrays)("writes %s so that it reads back, and an independent reader agrees", (_, data, shape) => {
    const bytes = formatNpy(data, shape);
    expect(parseNpy(bytes)).toMatchObject({ shape, data });
    expect(readNpy(bytes)).toEqual({ shape, data });
  });

  it("aligns the data to 64 bytes and ends the header with a newline, as NumPy does", () => {
    const bytes = formatNpy(Int32Array.of(1), [1]);
    const { dataOffset } = parseNpyHeader(bytes, "x");
    expect(dataOffset % 64).toBe(0);
    expect(bytes[dataOffset - 1]).toBe(0x0a);
    expect(new TextDecoder().decode(bytes.subarray(10, dataOffset)).trimEnd()).toBe(
      "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }",
    );
  });

  it.each([1, 2, 3])("reads version %i headers at any alignment", (version) => {
    const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), } \n";
    const data = new Uint8Array(Float32Array.of(1.25, -3).buffer);
    expect(parseNpy(withHeader(version, text, data)).data).toEqual(Float32Array.of(1.25, -3));
  });

  it.each([
    ["npy-truncated", new Uint8Array(9)],
    ["npy-truncated", formatNpy(Int8Array.of(1), [1]).subarray(0, 40)],
    ["npy-magic", new TextEncoder().encode("this is no array")],
    ["npy-version", withHeader(4, "{}", new Uint8Array())],
    ["npy-header", withHeader(1, "{'shape': (1,)}", new Uint8Array())],
    ["npy-header", withHeader(1, "{'descr': '|i1', 'shape': (1,)}", new Uint8Array())],
    [
      "npy-header",
      withHeader(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (1,,2)}", new Uint8Array()),
    ],
    [
      "npy-header",
      withHeader(
        1,
        `{'descr': '|i1', 'fortran_order': False, 'shape': (${"999999999999, ".repeat(3)})}`,
        new Uint8Array(),
      ),
    ],
    [
      "npy-dtype",
      withHeader(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", new Uint8Array(8)),
    ],
    [
      "npy-dtype",
      withHeader(1, "{'descr': 'toString', 'fortran_order': False, 'shape': (1,)}", new Uint8Array(8)),
    ],
    ["npy-order", withHeader(1, "{'descr': '|i1', 'fortran_order': True, 'shape': (1,)}", new Uint8Array(1))],
    [
      "npy-length",
      withHeader(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (999999999,)}", new Uint8Array(1)),
    ],
    ["npy-length", Uint8Array.from([...formatNpy(Int8Array.of(1), [1]), 0])],
  ])("refuses with %s", (code, bytes) => {
    expect(codeOf(() => parseNpy(bytes))).toBe(code);
  });

  it("refuses to write a shape that does not fit", () => {
    expect(codeOf(() => formatNpy(Int8Array.of(1, 2), [3]))).toBe("npy-shape");
    expect(codeOf(() => formatNpy(Int8Array.of(1, 2), [-1, -2]))).toBe("npy-shape");
  });

  it("gives a typed error or an array that fills its shape for 4,000 damaged files", () => {
    const random = seededRandom(2051);
    let accepted = 0;
    for (let round = 0; round < 4000; round += 1) {
      const [, data, shape] = random.pick(arrays);
      const bytes = mutate(formatNpy(data, shape), random);
      try {
        const array = parseNpy(bytes);
        expect(array.data.length, `seed 2051 round ${round}`).toBe(array.shape.reduce((a, b) => a * b, 1));
        accepted += 1;
      } catch (error) {
        if (!(error instanceof DatasetError)) throw error;
        expect(error.hint, `seed 2051 round ${round}`).toBeTruthy();
      }
    }
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(4000);
  });
});
