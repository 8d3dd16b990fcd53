/**
 * What fpga_manager wants: the configuration data of a .bit file with the bytes of every 32-bit word reversed. The sync
 * word tells the two orders apart: AA 99 55 66 in a .bit file, 66 55 99 AA after the swap.
 */
import { LoaderError } from "@sluice/sdk/errors.js";

const SYNC_WORD = 0xaa99_5566;
const SYNC_WORD_SWAPPED = 0x6655_99aa;
/** Dummy words, bus width detection and the sync word all lie within the first 256 bytes. */
const SEARCH_BYTES = 1024;
const WORD = 4;

export type ByteOrder = "bit" | "swapped";

/** The order the data is in, by its sync word; undefined when it has none where one must be. */
export function byteOrderOf(data: Uint8Array): ByteOrder | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const end = Math.min(SEARCH_BYTES, data.length - (data.length % WORD));
  for (let at = 0; at < end; at += WORD) {
    const word = view.getUint32(at);
    if (word === SYNC_WORD) return "bit";
    if (word === SYNC_WORD_SWAPPED) return "swapped";
  }
  return undefined;
}

/**
 * @param data configuration data in the order of a .bit file; whole words
 * @throws {LoaderError} `byte-order`, `not-words`
 */
export function makeFirmwareImage(data: Uint8Array): Uint8Array {
  if (data.length === 0 || data.length % WORD !== 0) {
    throw new LoaderError("not-words", "The configuration data is not made of 32-bit words.", {
      expected: "a positive multiple of 4 bytes",
      found: `${data.length} bytes`,
      hint: "Copy the .bit file again.",
    });
  }
  const order = byteOrderOf(data);
  if (order !== "bit") {
    throw new LoaderError("byte-order", "The configuration data is not in the order of a .bit file.", {
      place: `first ${Math.min(SEARCH_BYTES, data.length)} bytes of the data`,
      expected: "the sync word aa 99 55 66",
      found: order === "swapped" ? "66 55 99 aa: the bytes are swapped already" : "no sync word",
      hint: "Use the .bit file as Vivado wrote it; the loader swaps the bytes itself.",
    });
  }
  const image = Buffer.from(data);
  image.swap32();
  return new Uint8Array(image.buffer, image.byteOffset, image.length);
}
