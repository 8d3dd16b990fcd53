/**
 * `compressed_SqueezeNet.net` (Deep Compression): pruned, one 8-bit codebook per convolution. Format: the notes beside the
 * file; shapes: its Caffe graph. Which code names which value is free in a codebook, but for zero, which stays
 * zero. By `frequency`, the codes nearest to zero name the values that occur most, as a packer would choose; by `value`, codes
 * are ordered as the values are.
 */
import { toDemandOrder } from "@sluice/sdk/overlay";

const CODEBOOK = 256;

export function squeezeNetLayers(net, prototxt, outputTile, order = "frequency") {
  const shapes = convolutionShapes(prototxt);
  const entries = shapes.map((_, index) => net.readUInt32LE(4 * index));
  let at = 4 * shapes.length;
  const layers = shapes.map(({ name, outputs, inputs, kernel }, index) => {
    const codebook = Array.from({ length: CODEBOOK }, (_, code) => net.readFloatLE(at + 4 * code));
    at += 4 * CODEBOOK + 4 * outputs;
    const codes = net.subarray(at, at + entries[index]);
    at += entries[index];
    const distances = net.subarray(at, at + Math.ceil(entries[index] / 2));
    at += distances.length;
    const ranks = order === "value" ? ranksByValue(codebook) : ranksByFrequency(codes);
    const taps = kernel * kernel;
    const ohwi = new Int8Array(outputs * inputs * taps);
    let place = -1;
    codes.forEach((code, entry) => {
      place += 1 + ((distances[entry >> 1] >> (4 * (entry & 1))) & 15);
      // Caffe's order is [output][input][tap].
      const [output, input, tap] = [
        Math.floor(place / (inputs * taps)),
        Math.floor(place / taps) % inputs,
        place % taps,
      ];
      ohwi[(output * taps + tap) * inputs + input] = ranks[code];
    });
    const layout = { outputs, inputs, kernelHeight: kernel, kernelWidth: kernel, outputTile };
    return { name, layout, weights: toDemandOrder(ohwi, layout) };
  });
  if (at !== net.length) throw new RangeError(`${net.length - at} bytes of the .net file were not read`);
  return layers;
}

/** Index 0 stands for zero; the others are 1, -1, 2, -2 ... in the order of how often they occur. */
function ranksByFrequency(codes) {
  const times = new Uint32Array(CODEBOOK);
  for (const code of codes) times[code] += 1;
  const order = [...times.keys()].slice(1).sort((left, right) => times[right] - times[left] || left - right);
  const ranks = new Int8Array(CODEBOOK);
  order.forEach((code, place) => {
    ranks[code] = place % 2 === 0 ? place / 2 + 1 : -(place + 1) / 2;
  });
  return ranks;
}

/** Index 0 stands for zero; the other values are ranked around it. */
function ranksByValue(codebook) {
  const others = codebook.map((value, code) => ({ value, code })).slice(1);
  const negative = others.filter(({ value }) => value < 0).sort((left, right) => right.value - left.value);
  const positive = others.filter(({ value }) => value >= 0).sort((left, right) => left.value - right.value);
  const ranks = new Int8Array(CODEBOOK);
  // Where one sign has more than a byte holds, the rest wraps around: still one code per value.
  negative.forEach(({ code }, rank) => {
    ranks[code] = -1 - rank;
  });
  positive.forEach(({ code }, rank) => {
    ranks[code] = 1 + rank;
  });
  if (new Set(ranks).size !== CODEBOOK) throw new RangeError("two values of a codebook share a code");
  return ranks;
}

/** The convolutions of a Caffe graph in its order, with the channels that reach them. */
function convolutionShapes(prototxt) {
  const channels = new Map([["data", 3]]);
  const shapes = [];
  for (const layer of prototxt.split(/^layer \{/m).slice(1)) {
    const all = (key) =>
      [...layer.matchAll(new RegExp(`\\b${key}: "?([^"\\s]+)"?`, "g"))].map((found) => found[1]);
    const [type] = all("type");
    const [top] = all("top");
    const inputs = all("bottom").map((bottom) => channels.get(bottom) ?? 0);
    const total = inputs.reduce((sum, count) => sum + count, 0);
    if (type === "Convolution") {
      const outputs = Number(all("num_output")[0]);
      shapes.push({ name: all("name")[0], outputs, inputs: total, kernel: Number(all("kernel_size")[0]) });
      channels.set(top, outputs);
    } else channels.set(top, type === "Concat" ? total : inputs[0]);
  }
  return shapes;
}
