/**
 * Somebody between host and board, on a real TCP connection or on two real serial cables. Sees what travels cut into
 * units (greeting, proof, TLS records or sealed records) and passes on whatever `tamper` makes of each.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { LinkGuard } from "@sluice/board-firmware/security";
import { listenSerial } from "@sluice/board-firmware/server/listeners/serial.js";
import { listenTcp } from "@sluice/board-firmware/server/listeners/tcp.js";
import { makeCable } from "@sluice/board-firmware/testing";
import {
  SerialAcceptor,
  SerialTransport,
  serialTransport,
  type Transport,
  tcpTransport,
} from "@sluice/board-firmware/transport";
import { GREETING_BYTES, PROOF_BYTES, VERDICT_BYTES } from "@sluice/sdk/protocol";
import { pino } from "pino";
import { startTestBoard, type TestBoard } from "./test-board.js";

export type Side = "host" | "board";
/** What goes on in place of unit number `index` of this side; index 0 is the greeting or its answer. */
export type Tamper = (unit: Uint8Array, from: Side, index: number, wire: Wire) => Uint8Array[];

/** For attacks that send something of their own or hang up. */
export interface Wire {
  to(side: Side, bytes: Uint8Array): void;
  hangUp(): void;
}

export interface AttackedBoard {
  readonly board: TestBoard;
  /** Changes take effect with the next unit. */
  tamper: Tamper;
  /** What the host should use: a new connection through the middleman. */
  open(): Transport;
  /** A new connection past the middleman. */
  direct(): Transport;
  /** Every unit that passed, of all connections. */
  readonly seen: { readonly from: Side; readonly unit: Uint8Array }[];
  close(): Promise<void>;
}

const passOn: Tamper = (unit) => [unit];
const OPEN_MS = 5_000;

export async function attackedBoard(kind: "tcp" | "serial", guard: LinkGuard): Promise<AttackedBoard> {
  const board = startTestBoard({ guard });
  return kind === "tcp" ? onTcp(board) : onSerial(board);
}

async function onTcp(board: TestBoard): Promise<AttackedBoard> {
  const listener = await listenTcp(board.server, { port: 0 });
  const seen: AttackedBoard["seen"] = [];
  const sockets = new Set<Socket>();
  const proxy: Server = createServer((fromHost) => {
    const toBoard = connect(listener.port, listener.host);
    const wire: Wire = {
      to: (side, bytes) => (side === "host" ? fromHost : toBoard).write(bytes),
      hangUp: () => {
        fromHost.destroy();
        toBoard.destroy();
      },
    };
    const units = { host: new Units(tlsUnitBytes), board: new Units(tlsUnitBytes) };
    for (const [socket, side] of [
      [fromHost, "host"],
      [toBoard, "board"],
    ] as const) {
      sockets.add(socket);
      socket.on("data", (bytes) => pass(attacked, units[side], side, bytes, wire));
      socket.on("error", () => undefined);
      socket.on("close", () => (side === "host" ? toBoard : fromHost).end());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const attacked: AttackedBoard = {
    board,
    tamper: passOn,
    seen,
    open: () => tcpTransport({ port }),
    direct: () => tcpTransport({ port: listener.port }),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
      const stopped = listener.close();
      await board.close();
      await stopped;
    },
  };
  return attacked;
}

async function onSerial(board: TestBoard): Promise<AttackedBoard> {
  const [hostCable, boardCable] = [makeCable(), makeCable()];
  const log = pino({ level: "silent" });
  const listener = await listenSerial(board.server, { path: boardCable.paths[1] }, log);
  const seen: AttackedBoard["seen"] = [];
  const ends: Transport[] = [];
  const acceptor = new SerialAcceptor(
    new SerialTransport({ path: hostCable.paths[1] }),
    (host) => {
      // There is only one cable: one relay after the other. A host that is gone meanwhile needs none.
      relays = relays.then(() => relay(host)).catch(() => void host.close());
    },
    () => undefined,
  );
  let relays: Promise<void> = Promise.resolve();
  let previous: Transport | undefined;
  const relay = async (host: Transport) => {
    await previous?.close();
    const toBoard = serialTransport({ path: boardCable.paths[0] });
    previous = toBoard;
    ends.push(host, toBoard);
    const wire: Wire = {
      to: (side, bytes) => (side === "host" ? host : toBoard).send(bytes),
      hangUp: () => {
        void host.close();
        void toBoard.close();
      },
    };
    const units = { host: new Units(recordUnitBytes("host")), board: new Units(recordUnitBytes("board")) };
    const handlers = (side: Side, other: Transport) => ({
      data: (bytes: Uint8Array) => pass(attacked, units[side], side, bytes, wire),
      drain: () => undefined,
      closed: () => void other.close(),
    });
    await toBoard.open(handlers("board", host), OPEN_MS);
    await host.open(handlers("host", toBoard), OPEN_MS);
  };
  await acceptor.open(OPEN_MS);
  const attacked: AttackedBoard = {
    board,
    tamper: passOn,
    seen,
    open: () => serialTransport({ path: hostCable.paths[0] }, { silenceMs: 3_000 }),
    direct: () => serialTransport({ path: boardCable.paths[0] }, { silenceMs: 3_000 }),
    async close() {
      await relays;
      await Promise.all(ends.map((end) => end.close()));
      await acceptor.close();
      const stopped = listener.close();
      await board.close();
      await stopped;
      await hostCable.close();
      await boardCable.close();
    },
  };
  return attacked;
}

function pass(attacked: AttackedBoard, units: Units, from: Side, bytes: Uint8Array, wire: Wire): void {
  const other = from === "host" ? "board" : "host";
  for (const unit of units.push(bytes)) {
    attacked.seen.push({ from, unit });
    for (const passed of attacked.tamper(unit, from, units.count - 1, wire)) wire.to(other, passed);
  }
}

/** Bytes of the unit that begins with `head`, or undefined while that cannot be told. */
type UnitBytes = (head: Uint8Array, index: number) => number | undefined;

const tlsUnitBytes: UnitBytes = (head, index) => {
  if (index === 0) return GREETING_BYTES;
  return head.length < 5 ? undefined : 5 + (head[3] << 8) + head[4];
};

const recordUnitBytes =
  (side: Side): UnitBytes =>
  (head, index) => {
    if (index === 0) return GREETING_BYTES;
    if (index === 1) return side === "host" ? PROOF_BYTES : VERDICT_BYTES;
    return head.length < 2 ? undefined : 2 + head[0] + (head[1] << 8) + 16;
  };

class Units {
  readonly #unitBytes: UnitBytes;
  #rest = Buffer.alloc(0);
  count = 0;

  constructor(unitBytes: UnitBytes) {
    this.#unitBytes = unitBytes;
  }

  *push(bytes: Uint8Array): Generator<Uint8Array> {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const length = this.#unitBytes(this.#rest, this.count);
      if (length === undefined || this.#rest.length < length) return;
      const unit = new Uint8Array(this.#rest.subarray(0, length));
      this.#rest = this.#rest.subarray(length);
      this.count += 1;
      yield unit;
    }
  }
}
