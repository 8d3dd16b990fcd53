/**
 * How messages are cut out of a byte stream (TCP, or the reliable link on serial). docs/protocol.md, "Frames".
 *
 *   offset  bytes  field            meaning
 *        0      2  magic            "SL"
 *        2      1  code             which exchange (messages/)
 *        3      1  flags            bit 0 reply, bit 1 error, bit 2 the attachment's CRC follows it
 *        4      4  sequence         0, 1, 2, ... per direction of a connection
 *        8      4  id               chosen by the asker, returned with the reply
 *       12      4  bodyBytes        CBOR
 *       16      4  attachmentBytes  raw bytes after the body
 *       20      4  crc              CRC-32C of bytes 0..19 and the body
 *       24         body, attachment, and with flag bit 2 the CRC-32C of the attachment
 *
 * All integers are little-endian. The attachment has its own check because it may be long: a reader hands it on in
 * pieces as they arrive, so a link that breaks in the middle of an upload loses nothing that got through. Uploads
 * leave the attachment's CRC out; a section is used only after its SHA-256 has been compared.
 */
import { ProtocolError } from "../errors.js";
import { crc32c } from "../overlay/crc32c.js";
import { MAX_ATTACHMENT_BYTES, MAX_BODY_BYTES } from "./limits.js";

export const FRAME_HEADER_BYTES = 24;
const MAGIC_0 = 0x53;
const MAGIC_1 = 0x4c;
const CRC_OFFSET = 20;
const CRC_BYTES = 4;

export const frameFlags = { REPLY: 1, ERROR: 2, ATTACHMENT_CRC: 4 } as const;
const KNOWN_FLAGS = 7;

export interface FrameHeader {
  readonly code: number;
  readonly flags: number;
  readonly sequence: number;
  readonly id: number;
  readonly attachmentBytes: number;
}

/** Everything of a frame that comes before its attachment. */
export function encodeFrame(header: FrameHeader, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  const view = new DataView(frame.buffer);
  frame[0] = MAGIC_0;
  frame[1] = MAGIC_1;
  frame[2] = header.code;
  frame[3] = header.flags;
  view.setUint32(4, header.sequence, true);
  view.setUint32(8, header.id, true);
  view.setUint32(12, body.length, true);
  view.setUint32(16, header.attachmentBytes, true);
  frame.set(body, FRAME_HEADER_BYTES);
  view.setUint32(CRC_OFFSET, crc32c(body, crc32c(frame.subarray(0, CRC_OFFSET))), true);
  return frame;
}

export function encodeCrc(crc: number): Uint8Array {
  const bytes = new Uint8Array(CRC_BYTES);
  new DataView(bytes.buffer).setUint32(0, crc, true);
  return bytes;
}

/** Receives what the reader finds, in the order of the stream. The reader is not re-entrant. */
export interface FrameSink {
  /** A frame whose header and body are intact. `body` is the sink's to keep. */
  frame(header: FrameHeader, body: Uint8Array): void;
  /** The next piece of its attachment: a view that is valid only during the call. */
  attachment(piece: Uint8Array): void;
  /** The frame is complete and, where it carries one, the attachment's CRC was right. */
  end(): void;
}

export interface FrameLimits {
  readonly bodyBytes: number;
  readonly attachmentBytes: number;
}

type State = "header" | "body" | "attachment" | "trailer" | "broken";

/** Incremental: takes the stream in whatever pieces it comes, and holds at most one header and one body. */
export class FrameReader {
  readonly #sink: FrameSink;
  #limits: FrameLimits;
  #state: State = "header";
  #need = FRAME_HEADER_BYTES;
  #filled = 0;
  #buffer = new Uint8Array(FRAME_HEADER_BYTES);
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #current: FrameHeader | undefined;
  #attachmentLeft = 0;
  #attachmentCrc = 0;
  #sequence = 0;
  #consumed = 0;

  constructor(
    sink: FrameSink,
    limits: FrameLimits = { bodyBytes: MAX_BODY_BYTES, attachmentBytes: MAX_ATTACHMENT_BYTES },
  ) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Applies from the next frame on. */
  setLimits(limits: FrameLimits): void {
    this.#limits = limits;
  }

  /** True between frames. */
  get idle(): boolean {
    return this.#state === "header" && this.#filled === 0;
  }

  /**
   * @throws {ProtocolError} `not-sluice`, `frame-too-long`, `bad-flags`, `checksum-mismatch`, `lost-frame`, or what the
   * sink throws. The stream cannot be trusted afterwards: the reader ignores everything that follows.
   */
  push(bytes: Uint8Array): void {
    let at = 0;
    try {
      while (this.#state !== "broken") {
        if (this.#state === "attachment") {
          const take = Math.min(this.#attachmentLeft, bytes.length - at);
          if (take > 0) this.#takeAttachment(bytes.subarray(at, at + take));
          at += take;
          if (this.#attachmentLeft > 0) return;
          this.#finishAttachment();
          continue;
        }
        const take = Math.min(this.#need - this.#filled, bytes.length - at);
        this.#buffer.set(bytes.subarray(at, at + take), this.#filled);
        this.#filled += take;
        this.#consumed += take;
        at += take;
        // A stranger is recognised by the first bytes, not after a whole header.
        if (this.#state === "header") this.#checkMagic();
        if (this.#filled < this.#need) return;
        this.#filled = 0;
        if (this.#state === "header") this.#takeHeader();
        else if (this.#state === "body") this.#takeBody(this.#buffer);
        else this.#takeTrailer();
      }
    } catch (error) {
      this.#state = "broken";
      this.#buffer = new Uint8Array(0);
      throw error;
    }
  }

  #checkMagic(): void {
    const wrong =
      (this.#filled > 0 && this.#buffer[0] !== MAGIC_0) || (this.#filled > 1 && this.#buffer[1] !== MAGIC_1);
    if (!wrong) return;
    throw new ProtocolError("not-sluice", "What arrives on this link is not the Sluice protocol.", {
      place: `byte ${this.#consumed - this.#filled} of the stream`,
      expected: '"SL" at the start of a frame',
      found: [...this.#buffer.subarray(0, Math.min(this.#filled, 8))]
        .map((byte) => byte.toString(16).padStart(2, "0"))
        .join(" "),
      hint: "Check the address or port: another program may be listening there.",
    });
  }

  #takeHeader(): void {
    this.#header.set(this.#buffer);
    const view = new DataView(this.#header.buffer);
    const bodyBytes = view.getUint32(12, true);
    const attachmentBytes = view.getUint32(16, true);
    this.#current = {
      code: this.#header[2],
      flags: this.#header[3],
      sequence: view.getUint32(4, true),
      id: view.getUint32(8, true),
      attachmentBytes,
    };
    this.#checkLength("body", bodyBytes, this.#limits.bodyBytes);
    this.#checkLength("attachment", attachmentBytes, this.#limits.attachmentBytes);
    this.#expect("body", bodyBytes);
    if (bodyBytes === 0) this.#takeBody(new Uint8Array(0));
  }

  #checkLength(part: string, found: number, limit: number): void {
    if (found <= limit) return;
    throw new ProtocolError("frame-too-long", `A frame announces more ${part} than is accepted here.`, {
      place: `byte ${this.#consumed} of the stream`,
      expected: `at most ${limit} bytes of ${part}`,
      found: `${found} bytes`,
      hint: limit === 0 ? "Complete the handshake first." : "Send the data in smaller pieces.",
    });
  }

  #takeBody(body: Uint8Array): void {
    const header = this.#current!;
    const expected = new DataView(this.#header.buffer).getUint32(CRC_OFFSET, true);
    this.#checkCrc("header and body", expected, crc32c(body, crc32c(this.#header.subarray(0, CRC_OFFSET))));
    if ((header.flags & ~KNOWN_FLAGS) !== 0) {
      throw new ProtocolError("bad-flags", "A frame uses flags that this release does not know.", {
        expected: "bits 0 to 2",
        found: `0x${header.flags.toString(16)}`,
        hint: "Update the older of the two ends.",
      });
    }
    if (header.sequence !== this.#sequence) {
      throw new ProtocolError("lost-frame", "A frame is missing or came twice.", {
        expected: `sequence number ${this.#sequence}`,
        found: `${header.sequence}`,
        hint: "Reconnect; what had arrived is kept.",
      });
    }
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#attachmentLeft = header.attachmentBytes;
    this.#attachmentCrc = 0;
    this.#state = "attachment";
    this.#buffer = new Uint8Array(0);
    this.#sink.frame(header, body);
  }

  #takeAttachment(piece: Uint8Array): void {
    this.#attachmentLeft -= piece.length;
    this.#consumed += piece.length;
    if (this.#current!.flags & frameFlags.ATTACHMENT_CRC) {
      this.#attachmentCrc = crc32c(piece, this.#attachmentCrc);
    }
    this.#sink.attachment(piece);
  }

  #finishAttachment(): void {
    if (this.#current!.flags & frameFlags.ATTACHMENT_CRC) {
      this.#expect("trailer", CRC_BYTES);
      return;
    }
    this.#finish();
  }

  #takeTrailer(): void {
    const expected = new DataView(this.#buffer.buffer, this.#buffer.byteOffset).getUint32(0, true);
    this.#checkCrc("attachment", expected, this.#attachmentCrc);
    this.#finish();
  }

  #finish(): void {
    this.#current = undefined;
    this.#expect("header", FRAME_HEADER_BYTES);
    this.#sink.end();
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#need = bytes;
    this.#filled = 0;
    this.#buffer = new Uint8Array(bytes);
  }

  #checkCrc(part: string, expected: number, found: number): void {
    if (expected === found) return;
    throw new ProtocolError("checksum-mismatch", `The ${part} of a frame arrived damaged.`, {
      place: `byte ${this.#consumed} of the stream`,
      expected: `CRC-32C 0x${expected.toString(16).padStart(8, "0")}`,
      found: `0x${found.toString(16).padStart(8, "0")}`,
      hint: "Reconnect; what had arrived is kept.",
    });
  }
}
