/**
 * Writes weight-stream.json: known answers for every decoder of docs/formats/weight-stream.md, hardware included.
 * They pin the format. Run it again only when the format changes on purpose: node test/vectors/make-weight-stream.mjs
 */
import { writeFileSync } from "node:fs";
import { decodeReference } from "@sluice/sdk/codec/ans/decode-reference.js";
import { encodeAns } from "@sluice/sdk/codec/ans/encode.js";

function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const gaussian = (random, sigma) =>
  Math.max(-128, Math.min(127, Math.round((random() + random() + random() + random() - 2) * 1.7 * sigma)));

/** A layer whose weight at [output][row] comes from `weight`, in demand order. */
function layer(layout, weight) {
  const { outputs, inputs, kernelHeight, kernelWidth, outputTile } = layout;
  const rows = inputs * kernelHeight * kernelWidth;
  const ordered = Array.from({ length: outputs }, () => new Int8Array(rows));
  for (const [output, own] of ordered.entries()) {
    for (let row = 0; row < rows; row += 1) own[row] = weight(output, row, own);
  }
  const weights = [];
  for (let first = 0; first < outputs; first += outputTile) {
    for (let row = 0; row < rows; row += 1) {
      for (let output = first; output < Math.min(outputs, first + outputTile); output += 1) {
        weights.push(ordered[output][row]);
      }
    }
  }
  return { name: "layer", layout, weights: Int8Array.from(weights) };
}

const shape = (outputs, kernel, inputs, outputTile = 16) => {
  return { outputs, inputs, kernelHeight: kernel, kernelWidth: kernel, outputTile };
};

const random = generator(20);
const cases = [
  ["all zero", {}, [layer(shape(16, 1, 8), () => 0)]],
  ["stored: uniform random bytes", {}, [layer(shape(4, 1, 5), () => Math.floor(random() * 256) - 128)]],
  ["one lane", { lanes: 1 }, [layer(shape(1, 1, 300), () => gaussian(random, 9))]],
  [
    "four lanes, two tiles, narrow last tile",
    { lanes: 4 },
    [layer(shape(22, 1, 24), (o) => gaussian(random, 2 + o))],
  ],
  [
    "more lanes than the last tile is wide",
    { fewestLanes: 16 },
    [layer(shape(19, 1, 260), () => gaussian(random, 20))],
  ],
  ["narrow tiles of 8", { fewestLanes: 16 }, [layer(shape(12, 3, 6, 8), () => gaussian(random, 5))]],
  [
    "32 lanes, input and tap offsets",
    { lanes: 32, fewestLanes: 32 },
    [
      layer(shape(40, 3, 16, 32), (o, row) =>
        gaussian(random, 1.5 + (o % 5) + (row % 16) + (row > 80 ? 12 : 0)),
      ),
    ],
  ],
  [
    "escapes",
    { fewestLanes: 8 },
    [
      layer(shape(16, 1, 400), () =>
        random() < 0.004 ? Math.floor(random() * 256) - 128 : gaussian(random, 1),
      ),
    ],
  ],
  ["center", {}, [layer(shape(16, 1, 100), (o) => Math.min(127, 70 + gaussian(random, 3 + o)))]],
  [
    "tap prediction",
    { fewestLanes: 16 },
    [
      layer(shape(16, 3, 16), (_, row, own) => {
        return row < 16
          ? gaussian(random, 20)
          : Math.max(-127, Math.min(127, (own[row - 16] >> 1) + gaussian(random, 8)));
      }),
    ],
  ],
  [
    "flattened taps, predicted, centered",
    {},
    [
      layer(shape(32, 1, 27), (_, row, own) => {
        return row < 3
          ? 40 + gaussian(random, 25)
          : Math.max(-128, Math.min(127, own[row - 3] + gaussian(random, 9)));
      }),
    ],
  ],
  [
    "pruned weights in wide buckets",
    { fewestLanes: 16 },
    [
      layer(shape(32, 3, 16), (o) => {
        const size = 12 + Math.abs(gaussian(random, 30 + o));
        return random() < 0.6 ? 0 : Math.min(127, size) * (random() < 0.5 ? -1 : 1);
      }),
    ],
  ],
  [
    "dead channels, offsets with a gap",
    {},
    [
      layer(shape(48, 1, 40), (o, row) => {
        return o % 3 === 1 || row % 5 > 2 ? 0 : gaussian(random, o % 2 === 0 ? 12 : 30);
      }),
    ],
  ],
  ["segments", { segmentWeights: 1000 }, [layer(shape(70, 1, 40), (o) => gaussian(random, 2 + (o % 9)))]],
  [
    "pairs, odd number of rows, large weights, segments",
    { pairs: "always", segmentWeights: 2000, fewestLanes: 8 },
    [
      layer(shape(40, 3, 15), (o, row) => {
        return row % 40 === 5 && o % 3 === 0
          ? Math.floor(random() * 200) - 100
          : gaussian(random, 0.5 + (o % 4) / 3);
      }),
    ],
  ],
  ["8-bit tables", { tableLog: 8 }, [layer(shape(16, 1, 200), (o) => gaussian(random, 1 + o))]],
  ["11-bit tables", { tableLog: 11 }, [layer(shape(16, 1, 200), (o) => gaussian(random, 1 + o))]],
  [
    "depthwise and fully connected, one set of tables",
    {},
    [
      layer(shape(64, 3, 1), (o, row) => gaussian(random, 4 + (o % 30) + (row === 4 ? 30 : 0))),
      layer(shape(10, 1, 256), () => gaussian(random, 14)),
    ],
  ],
];

const base64 = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
const vectors = cases.map(([name, options, layers]) => {
  const { tables, streams } = encodeAns(layers, options);
  return {
    name,
    tables: base64(tables),
    layers: layers.map(({ layout, weights }, index) => {
      if (base64(decodeReference(tables, streams[index], layout)) !== base64(weights)) throw new Error(name);
      return { layout, stream: base64(streams[index]), weights: base64(weights) };
    }),
  };
});
writeFileSync(new URL("./weight-stream.json", import.meta.url), `${JSON.stringify(vectors, null, 1)}\n`);
