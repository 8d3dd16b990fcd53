/**
 * The board runtime as a process: from its start to a connection that is accepted, and what it keeps in memory while it
 * serves ResNet-20.
 *
 *   node bench/runtime.mjs [model]        default resnet20_a8w8b16.onnx of the shared models
 */
import { readFileSync } from "node:fs";
import { startEmulatedBoard } from "@sluice/host-agent/boards";
import { BoardClient } from "@sluice/host-agent/client";
import { prepareDeployment } from "@sluice/host-agent/jobs/deploy-job.js";
import { openInputs, prepareImages } from "@sluice/host-agent/jobs/input-source.js";
import { tcpTransport } from "@sluice/host-agent/transport";
import { sharedPath } from "./shared-data.mjs";

const STARTS = 9;
const FRAMES = 2_000;
const path = process.argv[2] ?? sharedPath("models", "resnet20_a8w8b16.onnx");

const starts = [];
for (let start = 0; start < STARTS; start += 1) {
  const began = performance.now();
  const board = await startEmulatedBoard();
  const client = await BoardClient.connect(tcpTransport({ port: board.port }));
  starts.push(performance.now() - began);
  await client.close();
  await board.stop();
}
starts.sort((a, b) => a - b);
const milliseconds = (value) => `${value.toFixed(0)} ms`;
console.log(
  `cold start to a proved connection: median ${milliseconds(starts[STARTS >> 1])}, fastest ${milliseconds(starts[0])}, slowest ${milliseconds(starts.at(-1))} of ${STARTS}`,
);

const deployment = prepareDeployment(path, { geometry: "p8i8o16", codec: "ans" }, () => undefined);
const source = await openInputs(deployment.model.graph, { limit: 8 });
const frames = [];
for await (const { frame } of prepareImages(source, deployment)) frames.push(frame.slice());
const board = await startEmulatedBoard();
const client = await BoardClient.connect(tcpTransport({ port: board.port }));
await client.install(deployment.compiled.plan, deployment.compiled.sections);
const many = Array.from({ length: FRAMES }, (_, index) => frames[index % frames.length]);
let most = 0;
const watch = setInterval(() => {
  most = Math.max(most, resident(board.pid));
}, 20);
const began = performance.now();
await client.run(many);
const seconds = (performance.now() - began) / 1000;
clearInterval(watch);
await new Promise((resolve) => setTimeout(resolve, 1_000));
console.log(
  `${deployment.model.file}: ${FRAMES} frames in ${seconds.toFixed(1)} s; resident at most ${most.toFixed(0)} MiB, ${resident(board.pid).toFixed(0)} MiB afterwards`,
);
await client.close();
await board.stop();

/** MiB. */
function resident(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
}
