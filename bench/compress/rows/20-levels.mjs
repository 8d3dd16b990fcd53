/** Weights on sets of levels, plain ("nearest") and compensated: retargeted, Gram solver on the levels, scales refitted. */
const within = { drop: 0.3 };
const both = (setting, options) => [
  { model: "resnet20", setting: `${setting}, nearest`, options: { ...options, compensated: false } },
  { model: "resnet20", setting: `${setting}, compensated`, options, reach: within },
];
const sva = (termsPerWeight) => [
  {
    model: "resnet20",
    setting: `SVA ${termsPerWeight} terms per weight, MPGBP`,
    options: { method: "sva", termsPerWeight, compensated: false },
  },
  {
    model: "resnet20",
    setting: `SVA ${termsPerWeight} terms per weight, compensated`,
    options: { method: "sva", termsPerWeight },
    ...(termsPerWeight === 1 ? { reach: within } : {}),
  },
];

const rows = [
  ...both("power of two, channel scales", { method: "power-of-two", bits: 4 }),
  ...both("2-hot 8 bit, signed digits", { method: "signed-k-hot", bits: 8, hot: 2 }),
  ...both("APoT 4 bit", { method: "apot", bits: 4 }),
  ...sva(1),
  {
    model: "resnet20",
    setting: "power of two, channel scales, nearest in the logarithm",
    options: { method: "power-of-two", bits: 4, compensated: false, rounding: "log" },
  },
  {
    model: "resnet20",
    setting: "power of two, one 2^n per layer, nearest",
    options: {
      method: "power-of-two",
      bits: 4,
      compensated: false,
      perChannel: false,
      weightScales: "power-of-two",
    },
  },
  {
    model: "resnet20",
    setting: "power of two, one 2^n per layer, compensated",
    options: { method: "power-of-two", bits: 4, perChannel: false, weightScales: "power-of-two" },
  },
  {
    model: "resnet20",
    setting: "INQ, one 2^n per layer",
    options: { method: "inq", bits: 4, perChannel: false, weightScales: "power-of-two" },
  },
  { model: "resnet20", setting: "INQ, channel scales", options: { method: "inq", bits: 4 } },
  ...both("2-hot 8 bit, ones", { method: "k-hot", bits: 8, hot: 2 }).map(({ reach, ...row }) => row),
  ...both("PowerQuant 4 bit", { method: "power-quant", bits: 4 }).map(({ reach, ...row }) => row),
  ...sva(0.5),
  ...sva(0.75),
  ...sva(1.5),
];

export default rows.map((row) => ({ calibration: 512, ...row }));
