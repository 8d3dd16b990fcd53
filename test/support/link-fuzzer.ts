/**
 * Damaged frames for a live board: before the proof whatever a stranger can send, after it whatever a paired host can.
 * Used by test/protocol/link-fuzz.test.ts; a million of them by bench/fuzz-link.mjs.
 */
import { connect } from "node:net";
import { HostEnd, type HostKeys } from "@sluice/board-firmware/security";
import { SerialTransport, type Transport } from "@sluice/board-firmware/transport";
import { crc32c } from "@sluice/sdk/overlay";
import {
  encodeCrc,
  encodeFrame,
  encodeGreeting,
  encodePacket,
  encodeRequest,
  FrameReader,
  frameFlags,
  hello,
  ping,
  slipEncode,
} from "@sluice/sdk/protocol";
import { mutate } from "./mutate.js";
import { examples } from "./protocol-examples.js";
import { type SeededRandom, seededRandom } from "./seeded-random.js";

export interface FuzzCounts {
  /** Damaged frames (TCP before the proof: connections' worth of bytes; serial before it: packets). */
  frames: number;
  /** Connections they took. */
  connections: number;
}

const none = { frames: 0, connections: 0 };
/** Of frames after the proof, those that a board can only answer by hanging up. */
const FATAL = 0.01;
/** A board that neither answers nor hangs up for this long hangs. */
const PATIENCE_MS = 60_000;

// --- before the proof -----------------------------------------------------------------------------------------------

/** What a stranger sends on one connection. Host identifiers that the board knows are among it. */
function strangersBytes(random: SeededRandom, hostId: Uint8Array): Uint8Array {
  const bytes = (count: number) => Uint8Array.from({ length: count }, () => random.integer(0, 255));
  const greeting = (id: Uint8Array) =>
    encodeGreeting({ purpose: random.pick(["session", "pairing"]), hostId: id, share: bytes(32) });
  const tlsRecord = (body: Uint8Array) =>
    Buffer.concat([Uint8Array.of(22, 3, 1, body.length >> 8, body.length & 0xff), body]);
  const frames = () =>
    Buffer.concat(Array.from({ length: random.integer(1, 3) }, (_, i) => soundFrame(random, i)));
  switch (random.integer(0, 7)) {
    case 0:
      return mutate(greeting(hostId), random);
    case 1:
      return mutate(greeting(bytes(16)), random);
    case 2:
      return greeting(bytes(16));
    case 3: // known, and then no TLS
      return Buffer.concat([greeting(hostId), bytes(random.integer(1, 200))]);
    case 4: // known, and then something like a ClientHello
      return Buffer.concat([greeting(hostId), tlsRecord(bytes(random.integer(1, 300)))]);
    case 5: // frames without a greeting
      return frames();
    case 6:
      return mutate(frames(), random);
    default:
      return bytes(random.integer(1, 300));
  }
}

export async function fuzzTcpBeforeProof(
  port: number,
  hostId: Uint8Array,
  frames: number,
  seed: number,
): Promise<FuzzCounts> {
  const lanes = 6;
  const lane = async (first: number) => {
    for (let i = first; i < frames; i += lanes) {
      const random = seededRandom(seed + i);
      // Many addresses, as an attacker with a network would have, so that none is made to wait for long.
      const localAddress = `127.${random.integer(1, 250)}.${random.integer(1, 250)}.${random.integer(1, 250)}`;
      await untilHungUp(port, localAddress, strangersBytes(random, hostId), seed + i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, frames) }, (_, i) => lane(i)));
  return { frames, connections: frames };
}

function untilHungUp(port: number, localAddress: string, bytes: Uint8Array, seed: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`seed ${seed}: the board neither answered nor hung up`));
    }, PATIENCE_MS);
    socket.on("error", () => undefined); // a reset is one way of hanging up
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
    // What the board answers ends the matter; the reset leaves no port behind in TIME_WAIT.
    socket.on("data", () => setTimeout(() => socket.resetAndDestroy(), 1));
    socket.on("end", () => socket.resetAndDestroy());
    socket.end(bytes);
  });
}

/** Packets with right and wrong checksums straight into the line, among them sessions that open and never go on. */
export async function fuzzSerialBeforeProof(
  path: string,
  hostId: Uint8Array,
  frames: number,
  seed: number,
): Promise<FuzzCounts> {
  const line = new SerialTransport({ path });
  let drained: () => void = () => undefined;
  await line.open({ data: () => undefined, drain: () => drained(), closed: () => undefined }, 5_000);
  let connections = 0;
  let session = 1;
  try {
    for (let sent = 0; sent < frames; ) {
      const random = seededRandom(seed + sent);
      const batch: Uint8Array[] = [];
      for (; batch.length < 32 && sent < frames; sent += 1) {
        if (random.chance(0.1)) {
          session = random.integer(1, 0xffff);
          connections += 1;
          batch.push(slip({ kind: "open", session, version: 1, window: 8_192 }, random));
        }
        batch.push(strangersPacket(random, session, hostId));
      }
      line.send(Buffer.concat(batch));
      while (line.backlog > 0) await new Promise<void>((resolve) => (drained = resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await line.close();
  }
  return { frames, connections };
}

function slip(packet: Parameters<typeof encodePacket>[0], random: SeededRandom): Uint8Array {
  return slipEncode(encodePacket(packet), random.chance(0.2));
}

function strangersPacket(random: SeededRandom, session: number, hostId: Uint8Array): Uint8Array {
  const u16 = () => random.integer(0, 0xffff);
  const u32 = () => random.pick([0, 56, 100, 8_192, 0xffff_ffff, random.integer(0, 0xffff_ffff)]);
  const payload = mutate(strangersBytes(random, hostId), random).slice(0, 1_024);
  const data = payload.length > 0 ? payload : Uint8Array.of(0);
  switch (random.integer(0, 5)) {
    case 0: // in order, so that it reaches the greeting
      return slip({ kind: "data", session, number: 0, offset: 0, push: true, payload: data }, random);
    case 1:
      return slip(
        { kind: "data", session, number: u16(), offset: u32(), push: random.chance(), payload: data },
        random,
      );
    case 2: {
      const ranges = Array.from({ length: random.integer(0, 24) }, () => ({ start: u16(), length: u16() }));
      return slip({ kind: "ack", session, latest: u16(), upTo: u32(), ranges }, random);
    }
    case 3:
      return slip({ kind: "close", session: random.chance() ? session : u16() }, random);
    case 4:
      return mutate(
        slip({ kind: "open", session: u16(), version: random.integer(0, 3), window: u32() }, random),
        random,
      );
    default:
      return mutate(data, random);
  }
}

// --- after the proof ------------------------------------------------------------------------------------------------

const afterHello = examples.filter(({ exchange }) => exchange.code !== hello.code);

/**
 * A frame whose header and checksum are right; what it says need not be.
 * @param attachments false: without one, which a connection that only looks may not send
 */
function soundFrame(random: SeededRandom, sequence: number, attachments = true): Uint8Array {
  // A second hello ends a connection, as does a long list of other things that must stay rare.
  const { exchange, request } = random.pick(random.chance(FATAL) ? examples : afterHello);
  const valid = encodeRequest(exchange, request);
  const body = random.chance(0.2)
    ? valid
    : random.chance(0.8)
      ? mutate(valid, random)
      : Uint8Array.from({ length: random.integer(0, 64) }, () => random.integer(0, 255));
  const carries = attachments && exchange.requestAttachment > 0 && random.chance(0.8);
  const attachment = Uint8Array.from({ length: carries ? random.integer(1, 300) : 0 }, () =>
    random.integer(0, 255),
  );
  const checked = carries && (exchange.attachmentCheck === "crc32c" || random.chance(0.1));
  const header = {
    code: random.chance(0.05) ? random.integer(0, 255) : exchange.code,
    flags: (checked ? frameFlags.ATTACHMENT_CRC : 0) | (random.chance(0.02) ? frameFlags.REPLY : 0),
    sequence,
    id: random.integer(1, 0x7fff_ffff),
    attachmentBytes: attachment.length,
  };
  const parts = [encodeFrame(header, body), attachment];
  if (checked) parts.push(encodeCrc(crc32c(attachment)));
  return Buffer.concat(parts);
}

/** Unanswered at once: one less than the board allows, for the ping that ends a batch. */
const BATCH = 6;
const PING_ID = 0xffff_fff0;

/** Conversations of a paired host whose frames are wrong in every way that leaves the checksum right, and some others. */
export async function fuzzAfterProof(
  open: () => Transport,
  keys: HostKeys,
  frames: number,
  seed: number,
  hold: boolean,
): Promise<FuzzCounts> {
  const counts = { ...none };
  while (counts.frames < frames) {
    counts.connections += 1;
    await converse(open(), keys, seed + counts.connections * 1_000_003, hold, frames, counts);
  }
  return counts;
}

async function converse(
  transport: Transport,
  keys: HostKeys,
  seed: number,
  hold: boolean,
  frames: number,
  counts: FuzzCounts,
): Promise<void> {
  const random = seededRandom(seed);
  const end = new HostEnd(transport, { keys });
  let closed = false;
  let hangs = false;
  let pong = false;
  let wake: () => void = () => undefined;
  const reader = new FrameReader({
    frame: ({ id }) => {
      if (id === PING_ID) pong = true;
    },
    attachment: () => undefined,
    end: () => wake(),
  });
  await end.open(
    {
      data: (bytes) => reader.push(bytes),
      drain: () => undefined,
      closed: () => {
        closed = true;
        wake();
      },
    },
    PATIENCE_MS,
  );
  let sequence = 0;
  const send = (bytes: Uint8Array) => {
    sequence += 1;
    end.send(bytes);
  };
  const frame = (code: number, id: number, body: Uint8Array) =>
    encodeFrame({ code, flags: 0, sequence, id, attachmentBytes: 0 }, body);
  const greeting = { ...Object(examples[0].request), hold, clientId: new Uint8Array(16) };
  send(frame(hello.code, 1, encodeRequest(hello, greeting)));
  const timer = setTimeout(() => {
    hangs = true;
    closed = true;
    wake();
  }, PATIENCE_MS);
  try {
    while (!closed && counts.frames < frames) {
      for (let i = 0; i < BATCH && counts.frames < frames; i += 1) {
        const sound = soundFrame(random, sequence, hold || random.chance(FATAL));
        const damaged = random.chance(FATAL);
        send(damaged ? mutate(sound, random) : sound);
        counts.frames += 1;
        // The board may wait for the rest of it; nothing sensible can follow.
        if (damaged) return;
      }
      pong = false;
      send(frame(ping.code, PING_ID, encodeRequest(ping, {})));
      while (!closed && !pong) await new Promise<void>((resolve) => (wake = resolve));
      timer.refresh();
    }
    if (hangs) throw new Error(`seed ${seed}: the board neither answered nor hung up`);
  } finally {
    clearTimeout(timer);
    await end.close();
  }
}
