import { DeviceError, ProtocolError, SluiceError } from "@sluice/sdk/errors.js";
import {
  agreeOnVersion,
  decodeBody,
  decodeError,
  decodeReply,
  decodeRequest,
  encodeBody,
  encodeError,
  encodeReply,
  encodeRequest,
  have,
  hello,
  ping,
  toHex,
  upload,
} from "@sluice/sdk/protocol";
import { assert, describe, it } from "vitest";
import { examples } from "../../support/protocol-examples.js";

function thrownBy(work: () => unknown): SluiceError {
  try {
    work();
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("every exchange", () => {
  it("has its own code", () => {
    const codes = examples.map(({ exchange }) => exchange.code);
    assert.equal(new Set(codes).size, codes.length);
  });

  for (const { exchange, request, reply } of examples) {
    it(`${exchange.name} survives the way there and back`, () => {
      assert.deepEqual(decodeRequest(exchange, encodeRequest(exchange, request)), request);
      assert.deepEqual(decodeReply(exchange, encodeReply(exchange, reply)), reply);
    });

    it(`${exchange.name} refuses a field it does not know`, () => {
      const more = encodeBody({ ...(request as object), surplus: 1 });
      assert.equal(thrownBy(() => decodeRequest(exchange, more)).code, "bad-field");
    });

    const fields = Object.keys(request as object);
    it(`${exchange.name} refuses a request without one of its ${fields.length} fields, and names it`, () => {
      for (const field of fields) {
        const rest = Object.fromEntries(Object.entries(request as object).filter(([key]) => key !== field));
        const error = thrownBy(() => decodeRequest(exchange, encodeBody(rest)));
        assert.equal(error.code, "bad-field");
        assert.include(error.place, field);
      }
    });
  }
});

describe("known bytes", () => {
  const hash = Uint8Array.from({ length: 32 }, (_, i) => i);
  const hashHex = toHex(hash);

  it("ping", () => assert.equal(toHex(encodeRequest(ping, {})), "a0"));

  it("have", () => {
    const expected = `a16873656374696f6e73815820${hashHex}`;
    assert.equal(toHex(encodeRequest(have, { sections: [hash] })), expected);
  });

  it("upload", () => {
    const expected = `a3667368613235365820${hashHex}65627974657319012c666f66667365740a`;
    assert.equal(toHex(encodeRequest(upload, { sha256: hash, bytes: 300, offset: 10 })), expected);
    assert.equal(
      toHex(encodeReply(upload, { received: 20, complete: true })),
      "a268726563656976656414" + "68636f6d706c657465f5",
    );
  });
});

describe("bodies", () => {
  const cases: [what: string, bytes: number[]][] = [
    ["nothing", []],
    ["an end in the middle", [0xa1, 0x61, 0x61]],
    ["bytes after the value", [0xa0, 0x00]],
    ["a tag", [0xc0, 0x60]],
    ["an indefinite length", [0xbf, 0xff]],
    ["a length beyond the body", [0x5a, 0xff, 0xff, 0xff, 0xff]],
    ["an array that claims four billion elements", [0x9a, 0xff, 0xff, 0xff, 0xff]],
    ["twenty levels of nesting", [...Array(20).fill(0x81), 0x00]],
    ["an undefined simple value", [0xf8, 0xff]],
  ];
  for (const [what, bytes] of cases) {
    it(`refuse ${what}`, () => {
      const error = thrownBy(() => decodeBody(Uint8Array.from(bytes)));
      assert.instanceOf(error, ProtocolError);
      assert.equal(error.code, "bad-cbor");
    });
  }

  it("cannot reach an object's prototype", () => {
    const evil = Uint8Array.from([0xa1, 0x69, ...Buffer.from("__proto__"), 0xa1, 0x61, 0x78, 0x01]);
    const value = decodeBody(evil);
    assert.isUndefined(Reflect.get({}, "x"));
    assert.isUndefined(Reflect.get(Object(value), "x"));
  });

  it("leave undefined properties out", () => {
    assert.equal(toHex(encodeBody({ a: 1, b: undefined })), "a1616101");
  });

  it("are checked by the sender as well", () => {
    const short = { protocol: { lowest: 1, highest: 1 }, clientId: new Uint8Array(3) };
    assert.equal(thrownBy(() => encodeRequest(hello, short as never)).code, "bad-field");
  });
});

describe("errors of the board", () => {
  it("arrive in the class and with the facts they were thrown with", () => {
    const thrown = new DeviceError("overlay-error", "It stopped.", {
      place: "layer conv1",
      expected: "a",
      found: "b",
      hint: "Do this.",
      details: { register: 4 },
    });
    const error = decodeError(encodeError(thrown), "board twin");
    assert.instanceOf(error, DeviceError);
    assert.deepEqual(error.toJSON(), { ...thrown.toJSON(), place: "board twin, layer conv1" });
  });

  it("never carry a stack or a foreign class", () => {
    const error = decodeError(encodeError(new TypeError("x is not a function")), "board");
    assert.equal(error.code, "internal");
    assert.notInclude(JSON.stringify(error), "at ");
    const forged = encodeBody({ error: "constructor", code: "x", message: "y" });
    assert.equal(decodeError(forged, "board").constructor, SluiceError);
  });

  it("stay within their limits", () => {
    const long = new DeviceError("x".repeat(500), "m".repeat(1e5), { details: { big: "d".repeat(1e5) } });
    assert.isBelow(encodeError(long).length, 3_000);
  });
});

describe("protocol versions", () => {
  const agree = (host: [number, number], board: [number, number]) =>
    agreeOnVersion({ lowest: host[0], highest: host[1] }, { lowest: board[0], highest: board[1] }, "twin");

  it("agree on the highest both speak", () => {
    assert.equal(agree([1, 3], [2, 5]), 3);
    assert.equal(agree([2, 2], [1, 2]), 2);
  });

  it("name both ranges and the fix when there is none", () => {
    const old = thrownBy(() => agree([1, 1], [2, 3]));
    assert.equal(old.code, "protocol-version");
    assert.include(old.expected, "versions 2 to 3");
    assert.include(old.found, "version 1");
    assert.include(old.hint, "Update the host");
    assert.include(thrownBy(() => agree([4, 5], [1, 3])).hint, "Update the runtime on the board");
  });
});
