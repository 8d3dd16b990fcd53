/**
 * Rate-distortion quantisation with the real codec. The prices of a bit were chosen by the coded size they give and by
 * training images that the calibration does not use; no test image was looked at.
 */
const options = { method: "rate-distortion", positions: 80_000 };

export default [
  {
    model: "resnet20",
    setting: "rate-distortion, drop <= 0.3",
    options: { ...options, lambda: 2e-5 },
    reach: { drop: 0.3, bitsPerWeight: 1.85 },
  },
  {
    model: "resnet20",
    setting: "rate-distortion, drop <= 1.0",
    options: { ...options, lambda: 4.4e-5 },
    reach: { drop: 1.0, bitsPerWeight: 1.4 },
  },
  {
    model: "resnet8",
    setting: "rate-distortion, drop <= 1.0",
    options: { ...options, lambda: 1e-4 },
    reach: { drop: 1.0, bitsPerWeight: 2.0 },
  },
].map((row) => ({ calibration: 2_048, ...row }));
