/** Listens on TCP; loopback unless told otherwise. */
import { type AddressInfo, createServer } from "node:net";
import { TransportError } from "@sluice/sdk/errors.js";
import { acceptedTcp, DEFAULT_TCP_PORT, type TcpAddress, type Transport } from "../../transport/index.js";
import type { BoardServer } from "../board-server.js";

export interface Listener {
  /** For people and the ready line: "tcp 127.0.0.1:7420". */
  readonly link: string;
  close(): Promise<void>;
}

export type WrapTransport = (raw: Transport) => Transport;

export interface TcpListener extends Listener {
  readonly host: string;
  readonly port: number;
}

/**
 * Port 0 takes any free one.
 * @param wrap puts something between each connection's wire and the server: the twin's faults
 * @throws {TransportError} `port-in-use`, `permission`, `no-such-host`
 */
export async function listenTcp(
  server: BoardServer,
  address: TcpAddress = {},
  wrap: WrapTransport = (raw) => raw,
): Promise<TcpListener> {
  const { host = "127.0.0.1", port = DEFAULT_TCP_PORT } = address;
  const listener = createServer({ noDelay: true }, (socket) => {
    // Errors before the transport attaches its own handler; afterwards this one is redundant.
    socket.on("error", () => socket.destroy());
    void server.accept(wrap(acceptedTcp(socket)));
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", (cause: NodeJS.ErrnoException) => reject(listenError(host, port, cause)));
    listener.listen({ host, port }, resolve);
  });
  const bound = listener.address() as AddressInfo;
  return {
    link: `tcp ${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`,
    host: bound.address,
    port: bound.port,
    // Open connections are the server's to end.
    close: () => new Promise((resolve) => listener.close(() => resolve())),
  };
}

function listenError(host: string, port: number, cause: NodeJS.ErrnoException): TransportError {
  const codes: Record<string, string> = {
    EADDRINUSE: "port-in-use",
    EACCES: "permission",
    EADDRNOTAVAIL: "no-such-host",
    ENOTFOUND: "no-such-host",
  };
  const code = codes[cause.code ?? ""] ?? "refused";
  return new TransportError(code, `Cannot listen on ${host}:${port}.`, {
    place: `tcp ${host}:${port}`,
    found: cause.code ?? cause.message,
    hint:
      code === "port-in-use"
        ? "Another board runtime may be running; choose another port with --tcp HOST:PORT."
        : "Choose another address with --tcp HOST:PORT.",
    cause,
  });
}
