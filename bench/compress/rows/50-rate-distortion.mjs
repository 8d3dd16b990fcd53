/**
 * Rate-distortion quantisation with the real codec. The prices of a bit were chosen by the coded size they give, the other
 * settings by logits on training images that the calibration does not use (bench/held-out.mjs).
 *
 * ResNet-8 is calibrated on its pictures and their mirror images. Its steps are smaller than ResNet-20's, its weights held back
 * a little more.
 */
import { quantizeModel, withMirrored } from "@sluice/sdk/quantize";

const settings = { method: "rate-distortion", positions: 131_072 };
const calibration = 2_048;

export default [
  {
    model: "resnet20",
    setting: "rate-distortion, drop <= 0.3",
    options: { ...settings, lambda: 2.4e-5 },
    calibration,
    reach: { drop: 0.3, bitsPerWeight: 1.85 },
  },
  {
    model: "resnet20",
    setting: "rate-distortion, drop <= 1.0",
    options: { ...settings, lambda: 6.1e-5 },
    calibration,
    reach: { drop: 1.0, bitsPerWeight: 1.4 },
  },
  {
    model: "resnet20",
    setting: "rate-distortion, drop <= 0.3 at 1.55 b/w",
    options: { ...settings, lambda: 4.25e-5 },
    calibration,
    reach: { drop: 0.3, bitsPerWeight: 1.55 },
  },
  {
    model: "resnet20",
    setting: "rate-distortion, drop <= 1.0 at 1.20 b/w",
    options: { ...settings, lambda: 1e-4 },
    calibration,
    reach: { drop: 1.0, bitsPerWeight: 1.2 },
  },
  {
    model: "resnet8",
    setting: "rate-distortion, drop <= 1.0",
    options: { ...settings, lambda: 8.1e-5, kappa: 4, ridge: 0.05 },
    quantize: quantizeMirrored,
    calibration,
    reach: { drop: 1.0, bitsPerWeight: 2.0 },
  },
];

function quantizeMirrored({ model, images, count, options, random }) {
  const { shape } = model.tensors[model.input];
  const plan = quantizeModel(model, withMirrored(images, count, shape), 2 * count, { ...options, random });
  return { model, plan };
}
