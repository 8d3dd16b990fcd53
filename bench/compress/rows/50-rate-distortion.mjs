/** Rate-distortion quantisation with the real codec. */
export default [
  {
    model: "resnet20",
    setting: "rate-distortion, drop <= 0.3",
    options: { method: "rate-distortion", lambda: 1e-5 },
    reach: { drop: 0.3, bitsPerWeight: 1.85 },
  },
  {
    model: "resnet20",
    setting: "rate-distortion, drop <= 1.0",
    options: { method: "rate-distortion", lambda: 4e-5 },
    reach: { drop: 1.0, bitsPerWeight: 1.4 },
  },
  {
    model: "resnet8",
    setting: "rate-distortion, drop <= 1.0",
    options: { method: "rate-distortion", lambda: 1e-4 },
    reach: { drop: 1.0, bitsPerWeight: 2.0 },
  },
];
