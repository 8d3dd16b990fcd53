/** Serves a serial port, and opens it again when it disappears (a USB adapter that was unplugged). */
import type { TransportError } from "@sluice/sdk/errors.js";
import type { Logger } from "pino";
import { SerialAcceptor, type SerialAddress, SerialTransport } from "../../transport/index.js";
import type { BoardServer } from "../board-server.js";
import type { Listener, WrapTransport } from "./tcp.js";

const OPEN_DEADLINE_MS = 5_000;
const REOPEN_MS = 1_000;

/**
 * @param wrap puts something between the line and the reliable link: the twin's faults
 * @throws {TransportError} when the port cannot be opened the first time
 */
export async function listenSerial(
  server: BoardServer,
  address: SerialAddress,
  log: Logger,
  wrap: WrapTransport = (raw) => raw,
): Promise<Listener> {
  let acceptor: SerialAcceptor | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const open = async () => {
    const raw = wrap(new SerialTransport(address));
    const next = new SerialAcceptor(
      raw,
      (transport) => void server.accept(transport),
      (error) => reopenLater(error),
    );
    await next.open(OPEN_DEADLINE_MS);
    acceptor = next;
  };
  const reopenLater = (error?: TransportError) => {
    acceptor = undefined;
    if (closed) return;
    log.warn({ err: error, port: address.path }, "serial port lost; trying to open it again");
    timer = setTimeout(() => {
      open().catch((failure) => reopenLater(failure));
    }, REOPEN_MS);
  };

  await open();
  return {
    link: new SerialTransport(address).describe(),
    async close() {
      closed = true;
      clearTimeout(timer);
      await acceptor?.close();
    },
  };
}
