/** One valid request and reply of every exchange. */
import {
  bye,
  dump,
  type Exchange,
  have,
  hello,
  install,
  layers,
  list,
  pair,
  ping,
  type ReplyOf,
  type RequestOf,
  reinstall,
  remove,
  run,
  status,
  upload,
} from "@sluice/sdk/protocol";
import { randomModel } from "./arithmetic-runner.js";

export interface Example {
  readonly exchange: Exchange<unknown, unknown>;
  readonly request: unknown;
  readonly reply: unknown;
}

function example<E extends Exchange<unknown, unknown>>(
  exchange: E,
  request: RequestOf<E>,
  reply: ReplyOf<E>,
): Example;
function example(exchange: Exchange<unknown, unknown>, request: unknown, reply: unknown): Example {
  return { exchange, request, reply };
}

const hash = Uint8Array.from({ length: 32 }, (_, i) => i);
const { plan } = randomModel(1, [64]);
const layer = { cycles: 10, stallWeights: 1, weightBeats: 2, crc: [3, 4] as [number, number] };

export const examples: readonly Example[] = [
  example(
    hello,
    {
      protocol: { lowest: 1, highest: 1 },
      client: "me",
      clientId: hash.slice(0, 16),
      hold: true,
      release: "0.1.0",
    },
    {
      protocol: { lowest: 1, highest: 1 },
      version: 1,
      board: { kind: "emulated", name: "twin", device: "emulated overlay", release: "0.1.0" },
      overlay: { id: 0x4543_4c53, version: 0x1_0000 },
      geometry: "p8i8o16",
      clockMHz: 250,
      codecs: ["raw", "deflate"],
      limits: { attachmentBytes: 4_194_304, outstanding: 8, frames: 1_024, idleMs: 30_000 },
      storeFree: 1_073_741_824,
      authentication: "none",
      demandsSignature: false,
    },
  ),
  example(pair, { client: "ada@bench" }, { board: "twin" }),
  example(ping, {}, {}),
  example(bye, {}, {}),
  example(have, { sections: [hash] }, { sections: [{ complete: false, received: 12 }] }),
  example(
    list,
    {},
    { sections: [{ sha256: hash, bytes: 5 }], count: 1, usedBytes: 5, capacityBytes: 2 ** 40 },
  ),
  example(upload, { sha256: hash, bytes: 100, offset: 10 }, { received: 30, complete: false }),
  example(remove, { sections: [hash] }, { removed: 1, freedBytes: 5 }),
  example(
    install,
    {
      plan,
      sections: [{ sha256: hash, kind: "program", name: "p", offset: 0, bytes: 64 }],
      layerNames: ["conv1"],
    },
    { state: "missing", missing: [{ index: 0, received: 0 }] },
  ),
  example(
    run,
    { model: 1, indices: [7, 8], readLayers: false },
    {
      indices: [7, 8],
      cycles: 2 ** 33,
      stallWeights: 1,
      stallData: 2,
      weightBeats: 3,
      microseconds: 4,
      layers: { frame: 8, layers: [layer] },
    },
  ),
  example(reinstall, { fingerprint: hash }, { state: "ready", model: 1 }),
  example(layers, { model: 1 }, { frame: 8, layers: [layer] }),
  example(
    dump,
    { model: 1, layer: 2, output: 0, index: 5 },
    { index: 5, layer: 2, output: 0, shape: [1, 2, 3] },
  ),
  example(
    status,
    {},
    {
      uptimeMs: 1,
      model: 1,
      holder: { client: "me", link: "tcp", sinceMs: 5 },
      frames: 6,
      storeUsedBytes: 7,
      storeCapacityBytes: 8,
      residentBytes: 9,
      security: { authenticated: 1, refused: { "wrong-key": 2 } },
      readings: {
        power: { available: false, reason: "no sensor" },
        clock: { available: true, value: 250, unit: "MHz" },
      },
    },
  ),
];
