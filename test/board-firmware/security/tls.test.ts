/** That TLS really is 1.3, really has both ends prove the key, and takes no certificate instead. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { startTls } from "@sluice/board-firmware/transport/tls.js";
import type { SluiceError } from "@sluice/sdk/errors.js";
import { afterEach, assert, describe, it } from "vitest";

/** Made for this test and used nowhere else; valid until 2126. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBPjCB8aADAgECAhRcUyIgdu3hW8StAlWopwU6fKtWcjAFBgMrZXAwFDESMBAG
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA1MjQwMVoYDzIxMjYxMDI4MDUyNDAx
WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwKjAFBgMrZXADIQD2OLYAgvel4xAWWiQi
roPmPzay8FHTwcvJ5Ypu0oC8JaNTMFEwHQYDVR0OBBYEFFmgLDTVbLooiQpfCphd
WvovhZmfMB8GA1UdIwQYMBaAFFmgLDTVbLooiQpfCphdWvovhZmfMA8GA1UdEwEB
/wQFMAMBAf8wBQYDK2VwA0EArfjTqVvAuviVUgkyI16RMSQa0diEgiCe/lGMwMSQ
HyHe3lB7IHtGST5iez9yz2wSZ8kz+TqrHTS4CBwfFErFDw==
-----END CERTIFICATE-----`;
const CERTIFICATE_KEY = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIGJaeUmMgCntIwqXPRbFi7H0UXx0UQnSUEkKLKkzHGuk
-----END PRIVATE KEY-----`;

const open: { destroy?(): void; close?(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) {
    one.destroy?.();
    one.close?.();
  }
});

async function sockets(): Promise<[host: Socket, board: Socket]> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const host = connect(typeof address === "object" && address ? address.port : 0, "127.0.0.1");
  const [board] = (await once(server, "connection")) as [Socket];
  for (const socket of [host, board]) socket.on("error", () => undefined);
  open.push(host, board, server);
  return [host, board];
}

const secret = new Uint8Array(randomBytes(32));
const end = (role: "host" | "board", key: Uint8Array | undefined = secret) => ({ role, key: () => key });
const outcome = (work: Promise<unknown>) =>
  work.then(() => "secured").catch((error: SluiceError) => error.code);

describe("TLS with an external key", () => {
  it("is TLS 1.3 with an ephemeral key exchange, and carries bytes both ways", async () => {
    const [host, board] = await sockets();
    const [hostEnd, boardEnd] = await Promise.all([
      startTls(host, end("host"), "host", 3_000),
      startTls(board, end("board"), "board", 3_000),
    ]);
    for (const socket of [hostEnd, boardEnd]) {
      assert.equal(socket.getProtocol(), "TLSv1.3");
      assert.equal(socket.getCipher().name, "TLS_AES_128_GCM_SHA256");
    }
    const { type, name } = hostEnd.getEphemeralKeyInfo() as { type: string; name: string };
    assert.deepEqual([type, name], ["ECDH", "X25519"]);
    boardEnd.write("from the board");
    hostEnd.write("from the host");
    const [[atHost], [atBoard]] = await Promise.all([once(hostEnd, "data"), once(boardEnd, "data")]);
    assert.equal(String(atHost), "from the board");
    assert.equal(String(atBoard), "from the host");
  });

  it("refuses another key on both ends", async () => {
    const [host, board] = await sockets();
    const other = new Uint8Array(randomBytes(32));
    const outcomes = await Promise.all([
      outcome(startTls(host, end("host", other), "host", 3_000)),
      outcome(startTls(board, end("board"), "board", 3_000)),
    ]);
    assert.deepEqual(outcomes, ["wrong-key", "wrong-key"]);
  });

  it("refuses a host that offers no key, or an older TLS", async () => {
    for (const options of [{}, { maxVersion: "TLSv1.2" as const, minVersion: "TLSv1.2" as const }]) {
      const [host, board] = await sockets();
      const secured = outcome(startTls(board, end("board"), "board", 3_000));
      const stranger = connectTls({ socket: host, rejectUnauthorized: false, ...options });
      stranger.on("error", () => undefined);
      assert.equal(await secured, "wrong-key");
    }
  });

  it("refuses an older TLS with the right key", async () => {
    const [host, board] = await sockets();
    const secured = outcome(startTls(board, end("board"), "board", 3_000));
    const pskCallback = () => ({ psk: secret, identity: "sluice" });
    const old = connectTls({
      socket: host,
      maxVersion: "TLSv1.2",
      ciphers: "PSK",
      pskCallback,
      checkServerIdentity: () => undefined,
    });
    old.on("error", () => undefined);
    assert.equal(await secured, "wrong-key");
  });

  it("refuses a board that shows a certificate instead of the key", async () => {
    const [host, board] = await sockets();
    const secureContext = createSecureContext({ cert: CERTIFICATE, key: CERTIFICATE_KEY });
    new TLSSocket(board, { isServer: true, secureContext }).on("error", () => undefined);
    assert.equal(await outcome(startTls(host, end("host"), "host", 3_000)), "wrong-key");
  });

  it("gives up on a peer that says nothing", async () => {
    const [host] = await sockets();
    assert.equal(await outcome(startTls(host, end("host"), "host", 150)), "timeout");
  });
});
