/** Pages generated from tables in the code say what the code says. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const { generatedPages } = (await import(new URL("../../docs/generate.mjs", import.meta.url).href)) as {
  generatedPages: () => Map<string, string>;
};

describe("generated documentation", () => {
  for (const [path, text] of generatedPages()) {
    it(`${path} is what node docs/generate.mjs writes`, () => {
      expect(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")).toBe(text);
    });
  }
});
