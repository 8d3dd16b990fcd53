/** Uniform grids: nearest, bias correction, the Gram-matrix solver. */
/** Few levels: retargeting wants more images, and more windows of the small late maps. */
const thorough = { calibration: 2048 };
const positions = 120_000;
/** Chosen on training images that calibration does not use: bench/activation-bits.mjs. */
const coarse = { calibration: 1024, options: { positions: 60_000 } };

const rows = [
  { model: "resnet20", setting: "float" },
  { model: "resnet20", setting: "W8A8 free", options: { method: "nearest" }, reach: { top1: 91.6 } },
  {
    model: "resnet20",
    setting: "W8A8 power of two",
    options: { method: "nearest", scales: "power-of-two" },
    reach: { top1: 91.4 },
  },
  { model: "resnet20", setting: "W4A8 nearest", options: { method: "nearest", bits: 4 } },
  { model: "resnet20", setting: "W4A8 bias correction", options: { method: "bias-correction", bits: 4 } },
  {
    model: "resnet20",
    setting: "W4A8 Gram solver",
    options: { method: "gram", bits: 4 },
    reach: { top1: 91.5 },
  },
  { model: "resnet20", setting: "W3A8 nearest", options: { method: "nearest", bits: 3 } },
  { model: "resnet20", setting: "W3A8 bias correction", options: { method: "bias-correction", bits: 3 } },
  {
    model: "resnet20",
    setting: "W3A8 Gram solver",
    options: { method: "gram", bits: 3 },
    reach: { top1: 91.2 },
  },
  { model: "resnet20", setting: "ternary A8 nearest", options: { method: "nearest", bits: 2 } },
  {
    model: "resnet20",
    setting: "ternary A8 bias correction",
    options: { method: "bias-correction", bits: 2 },
  },
  {
    model: "resnet20",
    setting: "ternary A8 Gram solver",
    ...thorough,
    options: { positions, method: "gram", bits: 2 },
    reach: { top1: 89.5 },
  },
  {
    model: "resnet20",
    setting: "W8A4 Gram solver",
    ...coarse,
    options: { ...coarse.options, method: "gram", bits: 8, activationBits: 4 },
    reach: { top1: 91.0 },
  },
  {
    model: "resnet20",
    setting: "W4A4 Gram solver",
    ...coarse,
    options: { ...coarse.options, method: "gram", bits: 4, activationBits: 4 },
    reach: { top1: 90.6 },
  },
  { model: "resnet8", setting: "float" },
  { model: "resnet8", setting: "W8A8 free", options: { method: "nearest" }, reach: { drop: 0.2 } },
  {
    model: "resnet8",
    setting: "W8A8 power of two",
    options: { method: "nearest", scales: "power-of-two" },
  },
];

export default rows.map((row) => ({ calibration: 512, ...row }));
