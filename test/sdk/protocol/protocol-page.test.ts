import { readFileSync } from "node:fs";
import { MAX_ATTACHMENT_BYTES, MAX_BODY_BYTES, MAX_HELLO_BYTES, MAX_PAYLOAD } from "@sluice/sdk/protocol";
import { assert, describe, it } from "vitest";
import { examples } from "../../support/protocol-examples.js";

const page = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");

describe("docs/protocol.md", () => {
  for (const { exchange, request, reply } of examples) {
    it(`lists ${exchange.name} with its code and every field`, () => {
      const code = `0x${exchange.code.toString(16).padStart(2, "0")}`;
      const row = page.split("\n").find((line) => line.startsWith(`| ${code} | ${exchange.name} `));
      assert.isDefined(row, `a row for ${code} ${exchange.name}`);
      for (const field of [...Object.keys(Object(request)), ...Object.keys(Object(reply))]) {
        assert.match(row ?? "", new RegExp(`\\b${field}\\b`), field);
      }
    });
  }

  it("names the limits as they are", () => {
    for (const limit of [MAX_BODY_BYTES, MAX_HELLO_BYTES, MAX_ATTACHMENT_BYTES, MAX_PAYLOAD]) {
      assert.include(page, limit.toLocaleString("en"));
    }
  });
});
