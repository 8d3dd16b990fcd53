import { CborError, decodeCbor, encodeCbor } from "@sluice/sdk/cbor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mutate } from "../../support/mutate.js";
import { seededRandom } from "../../support/seeded-random.js";

function codeOf(hex: string, limits?: Parameters<typeof decodeCbor>[1]): string {
  try {
    decodeCbor(Uint8Array.from(Buffer.from(hex, "hex")), limits);
  } catch (error) {
    if (error instanceof CborError) return error.code;
    throw error;
  }
  return "no error";
}

describe("bounded CBOR", () => {
  it("gives back every plain value", () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.integer(),
        fc.double(),
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array(),
        fc.array(tie("value"), { maxLength: 5 }),
        fc.dictionary(
          fc.string().filter((key) => key !== "__proto__"),
          tie("value"),
          { maxKeys: 5 },
        ),
      ),
    })).value;
    fc.assert(
      fc.property(value, (original) => {
        expect(plain(decodeCbor(encodeCbor(original)))).toEqual(plain(original));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["an array that claims 2^32 items", "9b00000001ffffffff", "truncated"],
    ["a byte string that claims 4 GiB", "5affffffff00", "truncated"],
    ["a text cut short", "6461", "truncated"],
    ["nothing", "", "truncated"],
    ["two documents", "0000", "trailing-bytes"],
    ["an array of indefinite length", "9f01ff", "unsupported-item"],
    ["a tag", "c000", "unsupported-item"],
    ["seventeen levels", `${"81".repeat(17)}00`, "too-deep"],
  ])("refuses %s", (_, hex, code) => {
    expect(codeOf(hex)).toBe(code);
  });

  it("counts items against the limit", () => {
    expect(codeOf("83010203", { maxDepth: 4, maxItems: 3 })).toBe("too-many-items");
    expect(codeOf("83010203", { maxDepth: 4, maxItems: 4 })).toBe("no error");
  });

  it("answers 10,000 damaged documents with a value or a typed error", () => {
    const seed = Number(process.env.SLUICE_SEED ?? 7);
    const random = seededRandom(seed);
    const document = encodeCbor({
      list: [1, 2.5, "three", { four: new Uint8Array(40) }],
      flag: true,
      none: null,
    });
    for (let round = 0; round < 10_000; round += 1) {
      try {
        decodeCbor(mutate(document, random));
      } catch (error) {
        expect(error, `seed ${seed}, round ${round}`).toBeInstanceOf(CborError);
      }
    }
  });
});

/** Buffers and Uint8Arrays alike, and -0 as 0: CBOR integers have no sign of zero. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
  }
  return Object.is(value, -0) ? 0 : value;
}
