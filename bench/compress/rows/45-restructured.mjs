/** Models whose shape changes before they are quantised to 8 bits: filters out, layers factored. */
import { parseRestructuring, quantizeModel, restructure } from "@sluice/sdk/quantize";

const restructured = (rule) => ({
  options: { restructuring: rule },
  quantize: ({ model, images, count, random, options }) => {
    const changed = restructure(model, images, count, parseRestructuring(options.restructuring));
    return { model: changed, plan: quantizeModel(changed, images, count, { method: "gram", random }) };
  },
});

export default [
  { model: "resnet20", setting: "25 % of inner filters out, L1", ...restructured("l1:0.25") },
  { model: "resnet20", setting: "25 % of inner filters out, L2", ...restructured("l2:0.25") },
  { model: "resnet20", setting: "25 % of inner filters out, APoZ", ...restructured("apoz:0.25") },
  { model: "resnet20", setting: "SVD, 95 % energy", ...restructured("svd:0.95") },
  { model: "resnet20", setting: "Tucker-2, 95 % energy", ...restructured("tucker:0.95") },
  { model: "resnet20", setting: "CUR, 95 % energy", ...restructured("cur:0.95") },
];
