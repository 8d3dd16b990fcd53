/**
 * The board runtime as a process: how fast it starts, what it holds in memory while it serves ResNet-20, and what a second
 * deploy sends. Everything over an authenticated TLS connection, as `sluice deploy` opens it.
 *
 *   node bench/runtime.mjs          all of it
 *   node bench/runtime.mjs start    one part: start, memory or resend
 */
import { readFileSync } from "node:fs";
import { startEmulatedBoard } from "@sluice/host-agent/boards";
import { BoardClient } from "@sluice/host-agent/client";
import { tcpTransport } from "@sluice/host-agent/transport";
import { defaultCodec } from "@sluice/sdk/codec";
import { compile } from "@sluice/sdk/compile";
import { importModel } from "@sluice/sdk/import";
import { kv260Geometry } from "@sluice/sdk/overlay";
import { earlierWeights } from "@sluice/sdk/package";
import { sharedFile } from "./shared-data.mjs";

const STARTS = 9;
const FRAMES = 300;
const MODEL = "resnet20_a8w8b16.onnx";

const wanted = (part) => process.argv.length === 2 || process.argv.includes(part);
if (wanted("start")) await coldStart();
if (wanted("memory")) await memory();
if (wanted("resend")) await resend();

async function coldStart() {
  const ready = [];
  const served = [];
  for (let i = 0; i < STARTS; i += 1) {
    const startedAt = performance.now();
    const board = await startEmulatedBoard({});
    ready.push(performance.now() - startedAt);
    const client = await BoardClient.connect(tcpTransport(board), { hold: false });
    served.push(performance.now() - startedAt);
    await client.close();
    await board.stop();
  }
  title(`Cold start, ${STARTS} times: process started, until it listens and until a host has shaken hands`);
  row("listens", `${middle(ready)} ms`, `slowest ${Math.round(Math.max(...ready))} ms, goal < 1,500 ms`);
  row(
    "has answered a host's hello in TLS",
    `${middle(served)} ms`,
    `slowest ${Math.round(Math.max(...served))} ms`,
  );
}

async function memory() {
  const model = compiled(graphOf(MODEL));
  const board = await startEmulatedBoard({});
  const client = await BoardClient.connect(tcpTransport(board));
  const atStart = resident(board.pid);
  await install(client, model);
  const loaded = resident(board.pid);
  let most = loaded;
  const frames = Array.from({ length: FRAMES }, (_, i) => new Uint8Array(model.plan.inputFrameBytes).fill(i));
  const watch = setInterval(() => {
    most = Math.max(most, resident(board.pid));
  }, 50);
  for (let round = 0; round < 3; round += 1) await client.run(frames);
  clearInterval(watch);
  most = Math.max(most, resident(board.pid));
  await client.close();
  await board.stop();
  title(`Resident memory of the runtime, emulated overlay, ${MODEL}, ${3 * FRAMES} frames`);
  row("started, one host connected", megabytes(atStart));
  row("model installed", megabytes(loaded));
  row("at most while it serves", megabytes(most), "goal < 120 MB");
}

async function resend() {
  const graph = graphOf(MODEL);
  const model = compiled(graph);
  const total = model.sections.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const board = await startEmulatedBoard({});
  title(
    `What a deploy of ${MODEL} sends: ${total.toLocaleString("en")} bytes in ${model.sections.length} sections`,
  );
  const deploy = async (what, next) => {
    const client = await BoardClient.connect(tcpTransport(board));
    const { bytesSent, sectionsSent } = await install(client, next);
    const wire = client.traffic.bytesSent;
    await client.close();
    const share = `${((wire / total) * 100).toFixed(2)} % of the package on the wire, handshake included`;
    row(what, `${bytesSent.toLocaleString("en")} bytes`, `${sectionsSent} sections; ${share}`);
    return sectionsSent;
  };
  await deploy("first", model);
  await deploy("second, same package", model);
  // As `sluice deploy` does where the board has the deploy before: its tables and streams stay.
  const fresh = compiled(withOneLayerChanged(graph));
  const changed = compiled(withOneLayerChanged(graph), earlierWeights(model));
  const different = changed.sections.filter(
    ({ bytes }) => !model.sections.some((before) => Buffer.compare(before.bytes, bytes) === 0),
  );
  await deploy("after a change in one layer", changed);
  row(
    "  sections that differ",
    String(different.length),
    different.map(({ kind, name, bytes }) => `${kind} ${name} (${bytes.length})`).join(", "),
  );
  const growth = codedBytes(changed) / codedBytes(fresh) - 1;
  row(
    "  weights and tables",
    codedBytes(changed).toLocaleString("en"),
    `${(100 * growth).toFixed(3)} % more than coded anew`,
  );
  await board.stop();
}

function codedBytes({ sections }) {
  const coded = sections.filter(({ kind }) => kind === "weights" || kind === "tables");
  return coded.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function install(client, { plan, sections, layers }) {
  return client.install(plan, sections, { layerNames: layers.map(({ name }) => name) });
}

function graphOf(file) {
  return importModel(new Uint8Array(sharedFile("models", file)), { file });
}

function compiled(graph, like) {
  return compile(graph, { geometry: kv260Geometry, codec: defaultCodec, like });
}

/** The largest convolution with two of its weights exchanged: what fine-tuning a layer leaves, in small. */
function withOneLayerChanged(graph) {
  const convolutions = graph.nodes.filter(({ kind }) => kind === "convolution");
  const largest = convolutions.reduce((a, b) => (b.weights.length > a.weights.length ? b : a));
  const weights = largest.weights.slice();
  const other = weights.findIndex((weight) => weight !== weights[0]);
  [weights[0], weights[other]] = [weights[other], weights[0]];
  return { ...graph, nodes: graph.nodes.map((node) => (node === largest ? { ...node, weights } : node)) };
}

function resident(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

function middle(values) {
  return Math.round([...values].sort((a, b) => a - b)[values.length >> 1]).toLocaleString("en");
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function title(text) {
  process.stdout.write(`\n${text}\n`);
}

function row(name, value, note = "") {
  process.stdout.write(`  ${name.padEnd(38)} ${value.padStart(16)}  ${note}\n`);
}
