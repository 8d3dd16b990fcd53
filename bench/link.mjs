/**
 * The numbers of the link: serial over a pseudo-terminal pair with a cable of a given baud rate, damage and cuts;
 * TCP beside a plain socket copy. The board is the real runtime in a process of its own.
 *
 *   node bench/link.mjs            all of it, about two minutes
 *   node bench/link.mjs tcp        one part: serial, cut, noise or tcp
 */
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { fileURLToPath } from "node:url";
import { makeCable } from "@sluice/board-firmware/testing";
import { startEmulatedBoard } from "@sluice/host-agent/boards";
import { BoardClient } from "@sluice/host-agent/client";
import { serialTransport, tcpTransport } from "@sluice/host-agent/transport";

const BAUD = 115_200;
const BYTES_PER_SECOND = BAUD / 10;
const SERIAL_BYTES = 300_000;
const TCP_SECTION_BYTES = 2 * 1024 * 1024;
const TCP_SECTIONS = 128;
/** Sections sent before the clock starts, so that both programs are compiled. */
const WARM_UP = 32;
const TCP_ROUNDS = 9;

/** As Sluice's own TLS: an external key, the same suite. */
const TLS = { minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256", ca: [] };
const TLS_KEY = new Uint8Array(32).fill(7);

if (process.argv[2] === "--sink") await sink(...process.argv.slice(3));
else await main(process.argv.slice(2));

async function main(parts) {
  const wanted = (part) => parts.length === 0 || parts.includes(part);
  if (wanted("serial")) await serialUpload();
  if (wanted("cut")) await cutUpload();
  if (wanted("noise")) await noisyUpload();
  if (wanted("tcp")) await tcpUpload();
}

/** Random bytes do not compress and need the average number of SLIP escapes. */
function randomSection(bytes, seed) {
  const random = generator(seed);
  const content = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i += 1) content[i] = random() * 256;
  return { kind: "weights", name: `random ${seed}`, offset: 0, bytes: content };
}

function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function onSerial(cableOptions, work) {
  const cable = makeCable(cableOptions);
  const board = await startEmulatedBoard({ serial: [cable.paths[1]] });
  try {
    return await work(cable);
  } finally {
    await board.stop();
    await cable.close();
  }
}

async function serialUpload() {
  await onSerial({ baud: BAUD }, async (cable) => {
    const client = await BoardClient.connect(serialTransport({ path: cable.paths[0] }));
    const before = cable.carried;
    const startedAt = performance.now();
    await client.upload([randomSection(SERIAL_BYTES, 1)]);
    const seconds = (performance.now() - startedAt) / 1000;
    const [there, back] = cable.carried.map((bytes, i) => bytes - before[i]);
    await client.close();
    title(`Serial upload, ${SERIAL_BYTES.toLocaleString("en")} bytes over a pseudo-terminal at ${BAUD} baud`);
    row("bytes on the wire, host to board", there.toLocaleString("en"));
    row("bytes on the wire, board to host", back.toLocaleString("en"));
    row("payload share, both directions", percent(SERIAL_BYTES / (there + back)), "goal >= 92 %");
    row("payload share, host to board", percent(SERIAL_BYTES / there));
    row("line busy, host to board", percent(there / (seconds * BYTES_PER_SECOND)), "goal >= 90 %");
    row(
      "payload rate",
      `${Math.round(SERIAL_BYTES / seconds).toLocaleString("en")} B/s in ${seconds.toFixed(1)} s`,
    );
  });
}

async function cutUpload() {
  const bytes = 150_000;
  const whole = await uploadWithCut(bytes, { seconds: 0, silenceMs: 10_000 });
  for (const [seconds, silenceMs] of [
    [3, 10_000],
    // A link that gives up after 2 s of silence, so that the cut ends it and the upload has to resume.
    [6, 2_000],
  ]) {
    const cut = await uploadWithCut(bytes, { seconds, silenceMs });
    const extra = cut.carried - cut.lost - whole.carried;
    title(`Cable cut for ${seconds} s in the middle of ${bytes.toLocaleString("en")} bytes at ${BAUD} baud`);
    row("connection", cut.reconnects > 0 ? `opened again (${cut.reconnects})` : "survived");
    row("bytes on the wire without a cut", whole.carried.toLocaleString("en"));
    row("bytes sent into the cut cable and lost", cut.lost.toLocaleString("en"));
    row("more bytes that got through than without", extra.toLocaleString("en"), "handshake, repeats");
    row("of the upload", percent(extra / bytes));
  }
}

async function uploadWithCut(bytes, { seconds, silenceMs }) {
  return onSerial({ baud: BAUD }, async (cable) => {
    let reconnects = 0;
    const open = () => serialTransport({ path: cable.paths[0] }, { silenceMs });
    const onReconnect = () => {
      reconnects += 1;
    };
    const client = await BoardClient.connect(open, { connectMs: 1_000, onReconnect });
    const before = cable.carried[0];
    let atCut;
    let lost = 0;
    await client.upload([randomSection(bytes, 2)], {
      onProgress: ({ done }) => {
        if (seconds === 0 || atCut !== undefined || done < bytes / 2) return;
        cable.cut();
        atCut = cable.carried[0];
        setTimeout(() => {
          lost = cable.carried[0] - atCut;
          cable.mend();
        }, seconds * 1000);
      },
    });
    const carried = cable.carried[0] - before;
    await client.close();
    return { carried, lost, reconnects };
  });
}

async function noisyUpload() {
  const bytes = 100_000;
  for (const corrupt of [1e-4, 1e-3]) {
    await onSerial({ baud: BAUD, corrupt, random: generator(7) }, async (cable) => {
      const transport = serialTransport({ path: cable.paths[0] });
      const client = await BoardClient.connect(transport);
      const before = cable.carried;
      const startedAt = performance.now();
      const section = randomSection(bytes, 3);
      await client.upload([section]);
      const seconds = (performance.now() - startedAt) / 1000;
      const [there] = cable.carried.map((count, i) => count - before[i]);
      const hash = createHash("sha256").update(section.bytes).digest();
      const [state] = await client.have([new Uint8Array(hash)]);
      title(`One byte in ${Math.round(1 / corrupt).toLocaleString("en")} damaged, both directions`);
      row("section complete, SHA-256 equal", state.complete ? "yes" : "NO");
      row("packets lost", transport.statistics.lostPackets.toLocaleString("en"));
      row("data bytes a packet, at the end", transport.statistics.payload.toLocaleString("en"));
      row("payload share, host to board", percent(bytes / there));
      row("payload rate", `${percent(bytes / seconds / BYTES_PER_SECOND)} of the line`);
      await client.close();
    });
  }
}

async function tcpUpload() {
  const base = randomSection(TCP_SECTION_BYTES, 100);
  const many = Array.from({ length: TCP_SECTIONS }, (_, i) => {
    const bytes = base.bytes.slice();
    bytes.set([i & 0xff, i >> 8], 0); // no two alike
    // As from a package, which carries the hashes of its sections.
    return { ...base, bytes, sha256: new Uint8Array(createHash("sha256").update(bytes).digest()) };
  });
  const total = many.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const copies = {
    plain: ["plain socket, bytes thrown away", () => plainCopy(many, "memory")],
    disk: ["plain socket, bytes written to a file", () => plainCopy(many, "disk")],
    tls: ["plain TLS 1.3 socket, bytes thrown away", () => plainCopy(many, "memory", true)],
    tlsDisk: ["plain TLS 1.3 socket, bytes written to a file", () => plainCopy(many, "disk", true)],
    open: ["Sluice upload without protection, to the store", () => sluiceUpload(many, true)],
    sluice: ["Sluice upload in TLS 1.3, to the store", () => sluiceUpload(many, false)],
  };
  const rates = Object.fromEntries(Object.keys(copies).map((name) => [name, []]));
  for (let round = 0; round < TCP_ROUNDS; round += 1) {
    for (const [name, [, copy]] of Object.entries(copies)) rates[name].push(await copy());
  }
  const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
  // Round by round, because a machine that does other things as well is faster in one minute than in the next.
  const share = (name, of) => percent(middle(rates[name].map((value, i) => value / rates[of][i])));
  // The least disturbed round of each: what the machine can do when nothing else runs on it.
  const fastest = (name, of) => percent(Math.max(...rates[name]) / Math.max(...rates[of]));
  title(`TCP on loopback, ${total / 2 ** 20} MiB in ${many.length} sections, median of ${TCP_ROUNDS} rounds`);
  for (const [name, [text]] of Object.entries(copies)) {
    row(text, rate(middle(rates[name])), `fastest ${rate(Math.max(...rates[name]))}`);
  }
  row("without protection, of a plain copy to a file", share("open", "disk"), "goal >= 80 %");
  row("without protection, of a plain copy to memory", share("open", "plain"));
  row("in TLS, of a TLS copy to a file", share("sluice", "tlsDisk"), "goal >= 80 %");
  row("in TLS, of a TLS copy to memory", share("sluice", "tls"));
  row("in TLS, of a plain copy to a file", share("sluice", "disk"));
  row("the same, fastest rounds", fastest("sluice", "disk"), "goal >= 80 %");
  row("without protection, fastest rounds", fastest("open", "disk"), "goal >= 80 %");
}

async function sluiceUpload(sections, open) {
  const board = await startEmulatedBoard({ open });
  try {
    const client = await BoardClient.connect(tcpTransport(board));
    await client.upload(sections.slice(0, WARM_UP));
    const startedAt = performance.now();
    const { bytesSent } = await client.upload(sections);
    const seconds = (performance.now() - startedAt) / 1000;
    await client.close();
    return bytesSent / seconds;
  } finally {
    await board.stop();
  }
}

/** The same bytes over a socket to a process that does nothing else. */
async function plainCopy(sections, where, tls = false) {
  const child = fork(fileURLToPath(import.meta.url), ["--sink", where, tls ? "tls" : "tcp"]);
  const port = await new Promise((resolve) => child.once("message", resolve));
  const to = { host: "127.0.0.1", port, noDelay: true };
  const pskCallback = () => ({ psk: TLS_KEY, identity: "bench" });
  const checkServerIdentity = () => undefined;
  const socket = tls ? connectTls({ ...to, ...TLS, pskCallback, checkServerIdentity }) : connect(to);
  await new Promise((resolve) => socket.once(tls ? "secureConnect" : "connect", resolve));
  const copy = async ({ bytes }) => {
    if (!socket.write(bytes)) await new Promise((resolve) => socket.once("drain", resolve));
  };
  for (const section of sections.slice(0, WARM_UP)) await copy(section);
  const rest = sections.slice(WARM_UP);
  const total = rest.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const done = new Promise((resolve) => socket.once("data", resolve));
  const startedAt = performance.now();
  for (const section of rest) await copy(section);
  socket.end();
  await done;
  const seconds = (performance.now() - startedAt) / 1000;
  await new Promise((resolve) => {
    child.once("exit", resolve);
    child.disconnect();
  });
  return total / seconds;
}

async function sink(where, protection) {
  const directory = mkdtempSync(join(tmpdir(), "sluice-sink-"));
  const file = where === "disk" ? openSync(join(directory, "copy"), "w") : undefined;
  const settings = {
    allowHalfOpen: true,
    ...(protection === "tls" ? { ...TLS, pskCallback: () => TLS_KEY } : {}),
  };
  const server = (protection === "tls" ? createTlsServer : createServer)(settings, (socket) => {
    socket.on("data", (bytes) => {
      if (file !== undefined) writeSync(file, bytes);
    });
    socket.on("end", () => socket.end("done"));
  });
  server.listen(0, "127.0.0.1", () => process.send(server.address().port));
  await new Promise((resolve) => process.once("disconnect", resolve));
  if (file !== undefined) closeSync(file);
  rmSync(directory, { recursive: true, force: true });
  process.exit(0);
}

function title(text) {
  process.stdout.write(`\n${text}\n`);
}

function row(name, value, note = "") {
  process.stdout.write(`  ${name.padEnd(48)} ${value.padStart(22)}  ${note}\n`);
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

function rate(bytesPerSecond) {
  return `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;
}
