import { once } from "node:events";
import { connect } from "node:net";
import { startEmulatedBoard } from "@sluice/host-agent/boards";
import { SluiceError } from "@sluice/sdk/errors.js";
import { crc32c } from "@sluice/sdk/overlay";
import {
  decodeError,
  decodeReply,
  decodeRequest,
  encodeCrc,
  encodeError,
  encodeFrame,
  encodePacket,
  encodeReply,
  encodeRequest,
  FrameReader,
  frameFlags,
  MAX_PACKET,
  parsePacket,
  ReliableLink,
  SlipDecoder,
  slipEncode,
} from "@sluice/sdk/protocol";
import { assert, describe, it } from "vitest";
import { mutate } from "../support/mutate.js";
import { examples } from "../support/protocol-examples.js";
import { type SeededRandom, seededRandom } from "../support/seeded-random.js";

const SEED = 20_261;
const ROUNDS = 12_000;

/** A conversation's bytes: some frames in sequence, with attachments. */
function conversation(random: SeededRandom, frames: number): Buffer {
  const parts: Uint8Array[] = [];
  for (let sequence = 0; sequence < frames; sequence += 1) {
    const { exchange, request } = sequence === 0 ? examples[0] : random.pick(examples);
    const attachment = Uint8Array.from({ length: random.integer(0, 80) }, () => random.integer(0, 255));
    const carries = exchange.requestAttachment > 0;
    const flags = carries ? frameFlags.ATTACHMENT_CRC : 0;
    const header = { code: exchange.code, flags, sequence, id: sequence + 1 };
    const attachmentBytes = carries ? attachment.length : 0;
    parts.push(encodeFrame({ ...header, attachmentBytes }, encodeRequest(exchange, request)));
    if (carries) parts.push(attachment, encodeCrc(crc32c(attachment)));
  }
  return Buffer.concat(parts);
}

function expectTyped(seed: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SluiceError)) throw new Error(`seed ${seed}`, { cause: error });
    assert.isAbove(error.code.length, 0);
  }
}

describe("fuzz of TCP framing", () => {
  it(`gives a typed error or a sound frame for ${ROUNDS} damaged streams (seed ${SEED})`, () => {
    let held = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const random = seededRandom(SEED + round);
      const stream = mutate(conversation(random, random.integer(1, 3)), random);
      expectTyped(SEED + round, () => {
        const reader = new FrameReader({
          frame: ({ code }, body) => {
            held = Math.max(held, body.length);
            const exchange = examples.find((example) => example.exchange.code === code)?.exchange;
            if (exchange) decodeRequest(exchange, body);
          },
          attachment: () => undefined,
          end: () => undefined,
        });
        for (let at = 0; at < stream.length; at += 50) reader.push(stream.subarray(at, at + 50));
      });
    }
    assert.isAtMost(held, 256 * 1024);
  });

  it(`gives a typed error or a sound message for ${ROUNDS} damaged bodies (seed ${SEED})`, () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const random = seededRandom(SEED + round);
      const { exchange, request, reply } = random.pick(examples);
      expectTyped(SEED + round, () => {
        const body = mutate(encodeRequest(exchange, request), random);
        encodeRequest(exchange, decodeRequest(exchange, body));
      });
      expectTyped(SEED + round, () => {
        const body = mutate(encodeReply(exchange, reply), random);
        encodeReply(exchange, decodeReply(exchange, body));
      });
      expectTyped(SEED + round, () => {
        const body = mutate(encodeError(new SluiceError("code", "text", { details: { a: 1 } })), random);
        decodeError(body, "board");
      });
    }
  });
});

describe("fuzz of serial framing", () => {
  it(`survives ${ROUNDS} damaged lines (seed ${SEED})`, () => {
    let intact = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const random = seededRandom(SEED + round);
      const payload = Uint8Array.from({ length: random.integer(1, 200) }, () => random.integer(0, 255));
      const packets = [
        encodePacket({ kind: "open", session: 7, version: 1, window: 8_192 }),
        encodePacket({ kind: "data", session: 7, number: 0, offset: 0, push: true, payload }),
        encodePacket({ kind: "ack", session: 7, latest: 0, upTo: 0, ranges: [{ start: 5, length: 9 }] }),
        encodePacket({ kind: "close", session: 7 }),
      ];
      const line = Buffer.concat(packets.map((packet) => slipEncode(packet, random.next() < 0.3)));
      const damaged = mutate(line, random);
      const link = linkOnBoard();
      new SlipDecoder(MAX_PACKET).push(damaged, (slip) => {
        const packet = parsePacket(slip);
        if (packet === undefined) return;
        intact += 1;
        link.receive(packet, round);
        while (link.poll(round) !== undefined);
      });
    }
    assert.isAbove(intact, ROUNDS, "most packets of most lines are still intact");
  });

  it(`survives ${ROUNDS} packets whose damage the CRC does not show (seed ${SEED})`, () => {
    const link = linkOnBoard();
    link.write(new Uint8Array(5_000));
    let now = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const random = seededRandom(SEED + round);
      const u16 = () => random.integer(0, 0xffff);
      const u32 = () => random.pick([0, 100, 8_192, 0xffff_ffff, random.integer(0, 0xffff_ffff)]);
      const payload = new Uint8Array(random.integer(1, 1_024));
      const ranges = Array.from({ length: random.integer(0, 30) }, () => ({ start: u16(), length: u16() }));
      link.receive({ kind: "data", session: 7, number: u16(), offset: u32(), push: false, payload }, now);
      link.receive({ kind: "ack", session: 7, latest: u16(), upTo: u32(), ranges }, now);
      for (let polls = 0; polls < 100 && link.poll(now) !== undefined; polls += 1);
      now += random.integer(0, 5);
    }
    assert.isAtMost(link.backlog, 5_000);
    // A live link still answers an honest packet.
    link.receive(
      { kind: "data", session: 7, number: 1, offset: 0, push: true, payload: new Uint8Array(1) },
      now,
    );
    assert.notEqual(link.state, "closed");
  });
});

function linkOnBoard(): ReliableLink {
  const silenceMs = 1e9;
  return new ReliableLink(
    { role: "board", session: 7, window: 8_192, silenceMs, deliver: () => undefined },
    0,
  );
}

describe("a live server", () => {
  it("ends a connection that speaks another protocol at once", async () => {
    const board = await startEmulatedBoard({ logLevel: "silent" });
    try {
      const socket = connect(board.port, board.host);
      socket.write("GET / HTTP/1.1\r\nHost: board\r\n\r\n");
      socket.resume();
      await once(socket, "close");
    } finally {
      await board.stop();
    }
  });
});
