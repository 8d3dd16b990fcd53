/**
 * The header of a .bit file. All numbers are big-endian.
 *
 *   u16 length, preamble (9 bytes 0F F0 0F F0 0F F0 0F F0 00)
 *   u16 = 1
 *   'a' u16 length, design: "top;UserID=0XFFFFFFFF;Version=2023.2", NUL-terminated
 *   'b' u16 length, part    'c' u16 length, date    'd' u16 length, time
 *   'e' u32 length, configuration data to the end of the file
 */
import { LoaderError } from "@sluice/sdk/errors.js";

export interface BitHeader {
  /** Top-level name, without the options behind it. */
  readonly design: string;
  /** "UserID" and "Version" and whatever else the tool wrote, by name. */
  readonly options: Readonly<Record<string, string>>;
  readonly part: string;
  readonly date: string;
  readonly time: string;
  /** Where the configuration data begins in the file, and its bytes. */
  readonly dataOffset: number;
  readonly dataBytes: number;
}

const PREAMBLE = [0x0f, 0xf0, 0x0f, 0xf0, 0x0f, 0xf0, 0x0f, 0xf0, 0x00];
const LONGEST_TEXT = 1024;
const tags = { design: 0x61, part: 0x62, date: 0x63, time: 0x64, data: 0x65 } as const;

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(count: number, what: string): Uint8Array {
    const left = this.#bytes.length - this.at;
    if (count > left) {
      throw damaged("bit-truncated", "The bitstream ends inside its header.", this.at, {
        expected: `${count} bytes of ${what}`,
        found: `${left} bytes`,
      });
    }
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  u16(what: string): number {
    this.take(2, what);
    return this.#view.getUint16(this.at - 2);
  }

  u32(what: string): number {
    this.take(4, what);
    return this.#view.getUint32(this.at - 4);
  }

  tag(name: keyof typeof tags): void {
    const at = this.at;
    const [found] = this.take(1, `the tag of the ${name} field`);
    if (found === tags[name]) return;
    throw damaged("bit-field", "A field of the bitstream's header is not the one that belongs there.", at, {
      expected: `'${String.fromCharCode(tags[name])}' (${name})`,
      found: `0x${found.toString(16).padStart(2, "0")}`,
    });
  }

  text(name: keyof typeof tags): string {
    this.tag(name);
    const at = this.at;
    const length = this.u16(`the length of the ${name} field`);
    if (length > LONGEST_TEXT) {
      throw damaged("bit-field", "A text in the bitstream's header is longer than any tool writes.", at, {
        expected: `at most ${LONGEST_TEXT} bytes`,
        found: `${length} bytes`,
      });
    }
    const text = new TextDecoder("latin1").decode(this.take(length, `the ${name}`));
    return text.split("\0", 1)[0];
  }
}

/**
 * @throws {LoaderError} `not-a-bitstream`, `bit-field`, `bit-truncated`, `bit-trailing`, each with the byte offset
 */
export function parseBitHeader(bytes: Uint8Array): BitHeader {
  const cursor = new Cursor(bytes);
  const preambleBytes = cursor.u16("the preamble's length");
  const preamble = preambleBytes === PREAMBLE.length ? cursor.take(preambleBytes, "the preamble") : [];
  if (!PREAMBLE.every((byte, index) => preamble[index] === byte)) {
    throw damaged("not-a-bitstream", "The file does not begin like a .bit file.", 0, {
      expected: "a length of 9 and the preamble 0f f0 0f f0 0f f0 0f f0 00",
      found: hexDump(bytes.subarray(0, 11)),
    });
  }
  const one = cursor.u16("the header's version");
  if (one !== 1) {
    throw damaged("bit-field", "The bitstream's header is of an unknown kind.", cursor.at - 2, {
      expected: "1",
      found: String(one),
    });
  }
  const [design, ...rest] = cursor.text("design").split(";");
  const part = cursor.text("part");
  const date = cursor.text("date");
  const time = cursor.text("time");
  cursor.tag("data");
  const dataBytes = cursor.u32("the data's length");
  const present = bytes.length - cursor.at;
  if (present < dataBytes) {
    throw damaged("bit-truncated", "The bitstream is shorter than its header says.", bytes.length, {
      expected: `${dataBytes} bytes of configuration data from byte ${cursor.at}`,
      found: `${present} bytes`,
    });
  }
  if (present > dataBytes) {
    throw damaged("bit-trailing", "The bitstream goes on after its data.", cursor.at + dataBytes, {
      expected: `${dataBytes} bytes of configuration data`,
      found: `${present} bytes`,
    });
  }
  const options = Object.fromEntries(
    rest.filter(Boolean).map((option): [string, string] => {
      const [name, ...value] = option.split("=");
      return [name, value.join("=")];
    }),
  );
  return { design, options, part, date, time, dataOffset: cursor.at, dataBytes };
}

function damaged(
  code: string,
  message: string,
  offset: number,
  facts: { expected: string; found: string },
): LoaderError {
  return new LoaderError(code, message, {
    place: `byte ${offset} of the .bit file`,
    ...facts,
    hint: "Copy the .bit file again; give the loader the file Vivado wrote, not a .bin made from it.",
    details: { offset },
  });
}

function hexDump(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ") || "an empty file";
}
