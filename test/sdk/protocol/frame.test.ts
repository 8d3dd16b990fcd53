import { type ProtocolError, SluiceError } from "@sluice/sdk/errors.js";
import { crc32c } from "@sluice/sdk/overlay";
import {
  encodeBody,
  encodeCrc,
  encodeFrame,
  type FrameHeader,
  FrameReader,
  frameFlags,
  SlipDecoder,
  slipEncode,
  toHex,
} from "@sluice/sdk/protocol";
import { assert, describe, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

interface Seen {
  readonly header: FrameHeader;
  readonly body: Uint8Array;
  attachment: Buffer;
  ended: boolean;
}

function reader(limits = { bodyBytes: 1_000, attachmentBytes: 10_000 }) {
  const seen: Seen[] = [];
  const last = () => seen[seen.length - 1];
  const frames = new FrameReader(
    {
      frame: (header, body) => seen.push({ header, body, attachment: Buffer.alloc(0), ended: false }),
      attachment: (piece) => {
        last().attachment = Buffer.concat([last().attachment, piece]);
      },
      end: () => {
        last().ended = true;
      },
    },
    limits,
  );
  return { frames, seen };
}

function whole(header: Partial<FrameHeader>, body: Uint8Array, attachment: Uint8Array): Buffer {
  const full = { code: 3, flags: 0, sequence: 0, id: 1, ...header, attachmentBytes: attachment.length };
  const parts = [encodeFrame(full, body), attachment];
  if (full.flags & frameFlags.ATTACHMENT_CRC) parts.push(encodeCrc(crc32c(attachment)));
  return Buffer.concat(parts);
}

function codeOf(work: () => void): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SluiceError) return (error as ProtocolError).code;
    throw error;
  }
  return "none";
}

const body = encodeBody({ a: 1 });
const none = new Uint8Array(0);

describe("frames", () => {
  it("have these bytes", () => {
    const frame = encodeFrame({ code: 0x12, flags: 4, sequence: 1, id: 2, attachmentBytes: 3 }, body);
    const head = "534c1204" + "01000000" + "02000000" + "04000000" + "03000000";
    assert.equal(toHex(frame), `${head}${toHex(frame.subarray(20, 24))}a1616101`);
    const covered = Buffer.concat([frame.subarray(0, 20), body]);
    assert.equal(new DataView(frame.buffer).getUint32(20, true), crc32c(covered));
  });

  it("come out the same in whatever pieces they arrive", () => {
    const random = seededRandom(11);
    for (let round = 0; round < 200; round += 1) {
      const sent = Array.from({ length: 5 }, (_, sequence) => ({
        sequence,
        body: Uint8Array.from({ length: random.integer(0, 50) }, () => random.integer(0, 255)),
        attachment: Uint8Array.from({ length: random.integer(0, 300) }, () => random.integer(0, 255)),
        flags: random.pick([0, frameFlags.ATTACHMENT_CRC]),
      }));
      const stream = Buffer.concat(
        sent.map((f) => whole({ sequence: f.sequence, flags: f.flags }, f.body, f.attachment)),
      );
      const { frames, seen } = reader();
      for (let at = 0; at < stream.length; ) {
        const length = random.integer(1, random.pick([1, 10, 500]));
        frames.push(stream.subarray(at, at + length));
        at += length;
      }
      assert.isTrue(frames.idle);
      assert.equal(seen.length, sent.length);
      for (const [i, frame] of seen.entries()) {
        assert.isTrue(frame.ended);
        assert.deepEqual(frame.body, sent[i].body);
        assert.isTrue(frame.attachment.equals(sent[i].attachment));
      }
    }
  });

  it("hand on an attachment before it is complete", () => {
    const { frames, seen } = reader();
    frames.push(whole({}, body, new Uint8Array(100)).subarray(0, 24 + body.length + 40));
    assert.equal(seen[0].attachment.length, 40);
    assert.isFalse(seen[0].ended);
  });

  it("tell a stranger by the first byte", () => {
    assert.equal(
      codeOf(() => reader().frames.push(Buffer.from("G"))),
      "not-sluice",
    );
    assert.equal(
      codeOf(() => reader().frames.push(Buffer.from("SSH-2.0-x"))),
      "not-sluice",
    );
  });

  it("refuse damage in the header, the body and the attachment", () => {
    const good = whole({ flags: frameFlags.ATTACHMENT_CRC }, body, Uint8Array.of(1, 2, 3));
    const damage = (at: number) => {
      const bad = Buffer.from(good);
      bad[at] ^= 0x10;
      return codeOf(() => reader().frames.push(bad));
    };
    assert.equal(damage(2), "checksum-mismatch");
    assert.equal(damage(24), "checksum-mismatch");
    assert.equal(damage(good.length - 6), "checksum-mismatch");
    assert.equal(damage(good.length - 1), "checksum-mismatch");
  });

  it("refuse a missing, a repeated and an over-long frame, and unknown flags", () => {
    assert.equal(
      codeOf(() => reader().frames.push(whole({ sequence: 1 }, body, none))),
      "lost-frame",
    );
    const twice = whole({}, body, none);
    assert.equal(
      codeOf(() => reader().frames.push(Buffer.concat([twice, twice]))),
      "lost-frame",
    );
    assert.equal(
      codeOf(() => reader().frames.push(whole({}, new Uint8Array(1_001), none))),
      "frame-too-long",
    );
    assert.equal(
      codeOf(() => reader().frames.push(whole({}, body, new Uint8Array(10_001)))),
      "frame-too-long",
    );
    assert.equal(
      codeOf(() => reader().frames.push(whole({ flags: 8 }, body, none))),
      "bad-flags",
    );
  });

  it("are not looked for any more after an error", () => {
    const { frames, seen } = reader();
    assert.equal(
      codeOf(() => frames.push(Buffer.from("HTTP/1.1"))),
      "not-sluice",
    );
    frames.push(whole({}, body, none));
    assert.equal(seen.length, 0);
  });
});

describe("SLIP", () => {
  const cases: [packet: number[], line: number[]][] = [
    [
      [1, 2],
      [1, 2, 0xc0],
    ],
    [[0xc0], [0xdb, 0xdc, 0xc0]],
    [[0xdb], [0xdb, 0xdd, 0xc0]],
    [
      [0xdc, 0xdd],
      [0xdc, 0xdd, 0xc0],
    ],
  ];
  for (const [packet, line] of cases) {
    it(`maps ${packet} to ${line} and back`, () => {
      assert.deepEqual([...slipEncode(Uint8Array.from(packet), false)], line);
      const out: number[][] = [];
      new SlipDecoder(100).push(Uint8Array.from(line), (bytes) => out.push([...bytes]));
      assert.deepEqual(out, [packet]);
    });
  }

  it("drops noise, wrong escapes and packets that are too long, and goes on at the next END", () => {
    const out: number[][] = [];
    const decoder = new SlipDecoder(4);
    const line = [0xdb, 0x01, 0xc0, 1, 2, 3, 4, 5, 6, 0xc0, 0xdb, 0xc0, 9, 0xc0, 0xc0];
    for (const byte of line) decoder.push(Uint8Array.of(byte), (bytes) => out.push([...bytes]));
    assert.deepEqual(out, [[9]]);
    assert.equal(decoder.dropped, 3);
  });
});
