/** The .bit header: known bytes, and one refusal for each way a file can be damaged. */
import { byteOrderOf, makeFirmwareImage, parseBitHeader } from "@sluice/board-firmware/loader";
import { bitFile, configurationData, swapWords } from "@sluice/board-firmware/testing/bitstream-file.js";
import { LoaderError } from "@sluice/sdk/errors.js";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

describe("parseBitHeader", () => {
  it("reads every field and finds the data", () => {
    const data = configurationData();
    const bytes = bitFile();
    const header = parseBitHeader(bytes);
    expect(header).toMatchObject({
      design: "sluice_wrapper",
      options: { UserID: "0XFFFFFFFF", Version: "2023.2" },
      part: "xck26-sfvc784-2LV-c",
      date: "2026/11/20",
      time: "21:07:44",
      dataBytes: data.length,
    });
    expect(bytes.subarray(header.dataOffset)).toEqual(data);
  });

  it("says where a truncated file ends, at every length", () => {
    const bytes = bitFile();
    for (let length = 0; length < 140; length += 1) {
      expect(() => parseBitHeader(bytes.subarray(0, length)), `cut to ${length}`).toThrow(LoaderError);
    }
    expect(() => parseBitHeader(bytes.subarray(0, bytes.length - 1))).toThrow(
      expect.objectContaining({
        code: "bit-truncated",
        expected: expect.stringContaining("4096 bytes"),
        found: "4095 bytes",
        place: `byte ${bytes.length - 1} of the .bit file`,
      }),
    );
  });

  it("refuses a .bin, trailing bytes and a field out of order", () => {
    expect(() => parseBitHeader(configurationData())).toThrow(
      expect.objectContaining({ code: "not-a-bitstream", details: { offset: 0 } }),
    );
    expect(() => parseBitHeader(Uint8Array.of(...bitFile(), 0))).toThrow(
      expect.objectContaining({ code: "bit-trailing" }),
    );
    const bytes = bitFile();
    bytes[13] = 0x62;
    expect(() => parseBitHeader(bytes)).toThrow(
      expect.objectContaining({ code: "bit-field", details: { offset: 13 }, found: "0x62" }),
    );
    const long = bitFile({ design: "x".repeat(2000) });
    expect(() => parseBitHeader(long)).toThrow(expect.objectContaining({ code: "bit-field" }));
  });

  it("answers noise with a LoaderError, never with another", () => {
    const seed = 4711;
    const random = seededRandom(seed);
    for (let round = 0; round < 2000; round += 1) {
      const bytes = bitFile();
      for (let change = 0; change < 3; change += 1) {
        bytes[random.integer(0, 110)] = random.integer(0, 255);
      }
      try {
        parseBitHeader(bytes);
      } catch (error) {
        expect(error, `seed ${seed}, round ${round}`).toBeInstanceOf(LoaderError);
      }
    }
  });
});

describe("makeFirmwareImage", () => {
  it("reverses the bytes of every word", () => {
    const data = configurationData();
    const image = makeFirmwareImage(data);
    expect(image).toEqual(swapWords(data));
    expect([byteOrderOf(data), byteOrderOf(image)]).toEqual(["bit", "swapped"]);
  });

  it("refuses what is swapped already, has no sync word, or is cut inside a word", () => {
    expect(() => makeFirmwareImage(swapWords(configurationData()))).toThrow(
      expect.objectContaining({ code: "byte-order", found: expect.stringContaining("swapped already") }),
    );
    expect(() => makeFirmwareImage(new Uint8Array(4096))).toThrow(
      expect.objectContaining({ code: "byte-order", found: "no sync word" }),
    );
    expect(() => makeFirmwareImage(configurationData().subarray(0, 4094))).toThrow(
      expect.objectContaining({ code: "not-words" }),
    );
  });
});
