import { nameOnTheWire } from "@sluice/host-agent/client/sections.js";
import { MAX_NAME } from "@sluice/sdk/protocol";
import { expect, it } from "vitest";

it("cuts names that TFLite's fusing made longer than the protocol takes, and no others", () => {
  const fused = Array.from(
    { length: 9 },
    (_, index) => `MobilenetV2/expanded_conv_${index}/depthwise/Relu6`,
  ).join(";");
  expect(nameOnTheWire(fused)).toHaveLength(MAX_NAME);
  expect(fused.startsWith(nameOnTheWire(fused).slice(0, -1))).toBe(true);
  expect(nameOnTheWire("conv1")).toBe("conv1");
});
