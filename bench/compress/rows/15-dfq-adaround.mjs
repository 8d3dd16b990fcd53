/** DFQ with and without data, AdaRound; per tensor where the paper's equalisation matters most. */
const perTensor = (setting, options) => ({
  model: "resnet20",
  setting: `${setting}, per tensor`,
  options: { ...options, perChannel: false },
});

const rows = [
  {
    model: "resnet20",
    setting: "W8A8 DFQ, no data",
    options: { method: "dfq" },
    calibration: 0,
    reach: { top1: 91.0 },
  },
  { ...perTensor("W8A8 DFQ, no data", { method: "dfq" }), calibration: 0 },
  { model: "resnet20", setting: "W4A8 DFQ", options: { method: "dfq", bits: 4 } },
  { model: "resnet20", setting: "W4A8 AdaRound", options: { method: "adaround", bits: 4 } },
  perTensor("W4A8 nearest", { method: "nearest", bits: 4 }),
  perTensor("W4A8 bias correction", { method: "bias-correction", bits: 4 }),
  perTensor("W4A8 DFQ", { method: "dfq", bits: 4 }),
  perTensor("W4A8 AdaRound", { method: "adaround", bits: 4 }),
  perTensor("W4A8 Gram solver", { method: "gram", bits: 4 }),
  { model: "resnet20", setting: "W3A8 DFQ", options: { method: "dfq", bits: 3 } },
  { model: "resnet20", setting: "W3A8 AdaRound", options: { method: "adaround", bits: 3 } },
  { model: "resnet20", setting: "ternary A8 DFQ", options: { method: "dfq", bits: 2 } },
  { model: "resnet20", setting: "ternary A8 AdaRound", options: { method: "adaround", bits: 2 } },
  {
    model: "resnet20",
    setting: "W4A8 nearest, scales 2^k",
    options: { method: "nearest", bits: 4, scales: "power-of-two" },
  },
  {
    model: "resnet20",
    setting: "W4A8 RAPQ, scales 2^k",
    options: { method: "rapq", bits: 4, scales: "power-of-two" },
  },
];

export default rows.map((row) => ({ calibration: 512, ...row }));
