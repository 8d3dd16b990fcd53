// Writes the vectors beside it: small ONNX models, inputs, and what onnxruntime computes for them.
//
// onnxruntime-node is no dependency of the project (its install script downloads GPU libraries). To make the vectors
// again:  npm install --no-save --ignore-scripts onnxruntime-node@1.22 && npm run build && node test/vectors/onnx-float/make.mjs
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { modelProto } from "@sluice/sdk/import/onnx/schema.js";

const require = createRequire(process.env.ONNXRUNTIME_NODE ?? import.meta.url);
const ort = require("onnxruntime-node");
const runtime = `onnxruntime-node ${require("onnxruntime-node/package.json").version}, CPU, no graph optimisation`;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

let state = 1;
/** mulberry32. */
function next() {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const product = (dims) => dims.reduce((total, size) => total * size, 1);
const uniform = (dims, low = -1, high = 1) =>
  Float32Array.from({ length: product(dims) }, () => low + next() * (high - low));

const types = { Float32Array: 1, Uint8Array: 2, Int8Array: 3, Int32Array: 6, BigInt64Array: 7 };
function tensor(name, dims, values) {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dims, dataType: types[values.constructor.name], rawData };
}
const floats = (name, dims, low, high) => tensor(name, dims, uniform(dims, low, high));
const ints = (name, values) => tensor(name, [values.length], BigInt64Array.from(values.map(BigInt)));
const scalarFloat = (name, value) => tensor(name, [], Float32Array.of(value));

/** Attributes: integers, floats (as { f }), strings, lists of integers, tensors. */
function attribute(name, value) {
  if (typeof value === "number") return { name, i: value, type: 2 };
  if (typeof value === "string") return { name, s: new TextEncoder().encode(value), type: 3 };
  if (Array.isArray(value)) return { name, ints: value, type: 7 };
  return "f" in value ? { name, f: value.f, type: 1 } : { name, t: value, type: 4 };
}
const node = (opType, input, output, attributes = {}) => ({
  opType,
  input,
  output: [output],
  attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
});
const valueInfo = (name, dims) => ({
  name,
  type: { tensorType: { elemType: 1, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
});

function model({ input, nodes, initializers, opset = 13 }) {
  const last = nodes.at(-1).output[0];
  return modelProto
    .encode(
      modelProto.fromObject({
        irVersion: 8,
        graph: {
          name: "vector",
          node: nodes,
          initializer: initializers,
          input: [valueInfo("x", input)],
          output: [{ name: last, type: { tensorType: { elemType: 1 } } }],
        },
        opsetImport: [{ domain: "", version: opset }],
      }),
    )
    .finish();
}
const normalization = (name, channels) => [
  floats(`${name}.gamma`, [channels], 0.5, 1.5),
  floats(`${name}.beta`, [channels]),
  floats(`${name}.mean`, [channels]),
  floats(`${name}.var`, [channels], 0.3, 2),
];
const normalize = (name, input) =>
  node("BatchNormalization", [input, `${name}.gamma`, `${name}.beta`, `${name}.mean`, `${name}.var`], name, {
    epsilon: { f: 1e-3 },
  });

const models = {
  layers: {
    input: [1, 3, 11, 9],
    initializers: [
      floats("w1", [8, 3, 3, 3]),
      floats("b1", [8]),
      ...normalization("n1", 8),
      floats("w2", [8, 1, 3, 2]),
      ...normalization("n2", 8),
      scalarFloat("zero", 0),
      scalarFloat("six", 6),
      floats("w3", [12, 4, 1, 1]),
      floats("w4", [5, 12]),
      floats("b4", [5]),
    ],
    nodes: [
      node("Conv", ["x", "w1", "b1"], "c1", { pads: [1, 0, 2, 1], strides: [2, 1], kernel_shape: [3, 3] }),
      normalize("n1", "c1"),
      node("Relu", ["n1"], "r1"),
      node("Conv", ["r1", "w2"], "c2", { group: 8, dilations: [1, 2], pads: [2, 1, 0, 1] }),
      normalize("n2", "c2"),
      node("Clip", ["n2", "zero", "six"], "r2"),
      node("Conv", ["r2", "w3"], "c3", { group: 2 }),
      node("MaxPool", ["c3"], "p1", { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
      node("AveragePool", ["p1"], "p2", { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
      node("AveragePool", ["p2"], "p3", { kernel_shape: [2, 2], auto_pad: "SAME_UPPER" }),
      node("GlobalAveragePool", ["p3"], "g"),
      node("Flatten", ["g"], "f"),
      node("Gemm", ["f", "w4", "b4"], "y", { transB: 1, alpha: { f: 0.5 }, beta: { f: 2 } }),
    ],
  },
  shortcut: {
    input: [1, 4, 6, 6],
    initializers: [
      floats("w1", [8, 4, 3, 3]),
      ints("starts", [0, 0]),
      tensor("ends", [2], BigInt64Array.of(2n ** 63n - 1n, 2n ** 63n - 1n)),
      ints("axes", [2, 3]),
      ints("steps", [2, 2]),
      ints("pads", [0, 2, 0, 0, 0, 2, 0, 0]),
      floats("w2", [72, 7]),
      floats("b2", [7]),
    ],
    nodes: [
      node("Conv", ["x", "w1"], "c1", { pads: [1, 1, 1, 1], strides: [2, 2] }),
      node("Slice", ["x", "starts", "ends", "axes", "steps"], "s"),
      node("Pad", ["s", "pads"], "p"),
      node("Add", ["c1", "p"], "a"),
      node("Relu", ["a"], "r"),
      node("Flatten", ["r"], "f"),
      node("MatMul", ["f", "w2"], "m"),
      node("Add", ["m", "b2"], "logits"),
      node("Softmax", ["logits"], "y"),
    ],
  },
  preactivation: {
    input: [1, 4, 5, 5],
    initializers: [
      ...normalization("n1", 4),
      floats("w1", [6, 4, 3, 3]),
      ...normalization("n2", 6),
      floats("w2", [4, 6, 1, 1]),
      floats("b2", [4]),
      floats("factor", [4, 1, 1]),
      scalarFloat("offset", 0.25),
      floats("w3", [8, 3]),
    ],
    nodes: [
      normalize("n1", "x"),
      node("Conv", ["n1", "w1"], "c1", { pads: [1, 1, 1, 1] }),
      node("Relu", ["c1"], "r1"),
      normalize("n2", "r1"),
      node("Conv", ["n2", "w2", "b2"], "c2"),
      node("Mul", ["c2", "factor"], "m"),
      node("Sub", ["m", "offset"], "s"),
      node("Concat", ["s", "x"], "k", { axis: 1 }),
      node("ReduceMean", ["k"], "g", { axes: [2, 3], keepdims: 0 }),
      node("MatMul", ["g", "w3"], "y"),
    ],
  },
  constants: {
    input: [1, 3, 4, 4],
    initializers: [floats("w1", [6, 3, 2, 2]), floats("w2", [5, 54])],
    nodes: [
      node("Conv", ["x", "w1"], "c1"),
      node("Identity", ["c1"], "i1"),
      node("Dropout", ["i1"], "d1"),
      node("Shape", ["d1"], "shape"),
      node("Constant", [], "index", { value: tensor("", [], BigInt64Array.of(0n)) }),
      node("Gather", ["shape", "index"], "batch"),
      node("Constant", [], "axis0", { value: ints("", [0]) }),
      node("Unsqueeze", ["batch", "axis0"], "list"),
      node("Constant", [], "rest", { value: ints("", [-1]) }),
      node("Concat", ["list", "rest"], "target", { axis: 0 }),
      node("Reshape", ["d1", "target"], "f"),
      node("Transpose", ["w2"], "w2t", { perm: [1, 0] }),
      node("Gemm", ["f", "w2t"], "y"),
    ],
  },
  qdq: {
    input: [1, 3, 6, 6],
    initializers: [
      scalarFloat("xs", 0.02),
      tensor("xz", [], Uint8Array.of(128)),
      tensor(
        "w",
        [4, 3, 3, 3],
        Int8Array.from({ length: 108 }, () => Math.floor(next() * 255) - 127),
      ),
      tensor("ws", [4], uniform([4], 0.002, 0.01)),
      tensor("wz", [4], new Int8Array(4)),
      tensor("b", [4], Int32Array.of(500, -900, 20, 0)),
      tensor("bs", [4], uniform([4], 0.0001, 0.0002)),
      scalarFloat("rs", 0.031),
      tensor("rz", [], Int8Array.of(-128)),
      floats("w2", [4, 3]),
    ],
    nodes: [
      node("QuantizeLinear", ["x", "xs", "xz"], "xq"),
      node("DequantizeLinear", ["xq", "xs", "xz"], "xd"),
      node("DequantizeLinear", ["w", "ws", "wz"], "wd", { axis: 0 }),
      node("DequantizeLinear", ["b", "bs"], "bd", { axis: 0 }),
      node("Conv", ["xd", "wd", "bd"], "c", { pads: [1, 1, 1, 1] }),
      node("Relu", ["c"], "r"),
      node("QuantizeLinear", ["r", "rs", "rz"], "rq"),
      node("DequantizeLinear", ["rq", "rs", "rz"], "rd"),
      node("GlobalAveragePool", ["rd"], "g"),
      node("Flatten", ["g"], "f"),
      node("MatMul", ["f", "w2"], "y"),
    ],
  },
};

async function run(bytes, name, data, dims) {
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: "disabled" });
  const results = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", data, dims) });
  const { data: output } = results[session.outputNames[0]];
  console.log(`${name}: ${output.length} outputs`);
  return Array.from(output);
}

for (const [name, spec] of Object.entries(models)) {
  const bytes = model(spec);
  const data = uniform(spec.input, -2, 2);
  const output = await run(bytes, name, data, spec.input);
  const vector = {
    runtime,
    model: Buffer.from(bytes).toString("base64"),
    inputDims: spec.input,
    input: Buffer.from(data.buffer).toString("base64"),
    output,
  };
  writeFileSync(here(`./${name}.json`), `${JSON.stringify(vector)}\n`);
}

const shared = process.env.SLUICE_SHARED ?? here("../../../../shared");
const resnet20 = `${shared}/models/resnet20_float.onnx`;
if (existsSync(resnet20)) {
  const bytes = readFileSync(resnet20);
  const images = 32;
  const records = gunzipSync(readFileSync(`${shared}/data/cifar10/test_batch.bin.gz`));
  const [mean, std] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  const data = new Float32Array(images * 3072);
  for (let index = 0; index < data.length; index += 1) {
    const image = Math.floor(index / 3072);
    const channel = Math.floor((index % 3072) / 1024);
    data[index] = (records[image * 3073 + 1 + (index % 3072)] / 255 - mean[channel]) / std[channel];
  }
  const logits = await run(bytes, "resnet20_float", data, [images, 3, 32, 32]);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(
    here("./resnet20_float.json"),
    `${JSON.stringify({ runtime, sha256, images, mean, std, logits })}\n`,
  );
} else console.log(`skipped resnet20_float: ${resnet20} is absent`);
