/** The planner's findings for a terminal. */
import { layerChoices, orderFindings, type PlannedModel, winsByFamily } from "@sluice/sdk/planner";
import { integer, layerTitle, percent, renderTable } from "./text-table.js";

export function planText(planned: PlannedModel, heldOutImages: number): string {
  const choices = layerChoices(planned);
  const total = choices.reduce((sum, { weights }) => sum + weights, 0);
  const layers = renderTable(
    [
      { title: "layer" },
      { title: "weights", align: "right" },
      { title: "error at 3 bits", align: "right" },
      { title: "chosen" },
      { title: "bits/weight", align: "right" },
      { title: "next best otherwise (error ratio)" },
    ],
    choices.map(({ layer, weights, sensitivity, winner, bitsPerWeight, runnerUp }) => [
      layerTitle(layer, 28),
      integer(weights),
      sensitivity.toExponential(1),
      winner,
      bitsPerWeight.toFixed(2),
      runnerUp ? `${runnerUp.label} (x${runnerUp.ratio.toFixed(1)})` : "none as small",
    ]),
  );
  const points = renderTable(
    [
      { title: "verified" },
      { title: "bits/weight", align: "right" },
      { title: "bytes", align: "right" },
      { title: "drop", align: "right" },
      { title: "same class", align: "right" },
      { title: "cycles", align: "right" },
      { title: "" },
    ],
    planned.points.map((point) => [
      point.label,
      point.bitsPerWeight.toFixed(3),
      integer(point.codedBytes),
      point.drop.toFixed(2),
      percent(point.agreement, 2),
      integer(point.cyclesPerFrame),
      point === planned.best ? "chosen" : "",
    ]),
  );
  const wins = [...winsByFamily(choices)].map(
    ([family, { layers: count, weights }]) =>
      `${family} in ${count} layers (${percent(weights / total, 0)} of the weights)`,
  );
  const orders = orderFindings(planned.trials).map(
    ({ setting, layers: count, pruneFirstWins, medianRatio }) =>
      `  ${setting}: pruning first errs less in ${pruneFirstWins} of ${count} layers; the other order's error is x${medianRatio.toFixed(2)} (median)`,
  );
  const narrowed = planned.narrowed.map(
    ({ layer, from, to }) => `  ${layerTitle(layer, 40)}: ${from} -> ${to} channels`,
  );
  return [
    ...(narrowed.length > 0 ? ["channels removed for cycles:", ...narrowed, ""] : []),
    layers,
    "",
    `won: ${wins.join(", ")}`,
    "order of pruning and quantising:",
    ...orders,
    "",
    `whole models, drop on ${integer(heldOutImages)} held-out training images (never test images):`,
    points,
    "",
  ].join("\n");
}
