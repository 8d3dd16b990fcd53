/** A worker process: quantises and measures one row and draw after another, as the parent sends them. */
import { importFloatModel } from "@sluice/sdk/import/float";
import { codedSize, lowerFloatGraph, quantizeModel } from "@sluice/sdk/quantize";
import { seeded } from "../seeded-random.mjs";
import { cifarTestSet, cifarTrainingImages, sharedFile } from "../shared-data.mjs";
import { correctInFloat, correctOnOverlay } from "./evaluate.mjs";
import { inputRange, models, preprocess } from "./models.mjs";
import { graphHash, loadCorrect, saveCorrect } from "./results.mjs";
import { allRows } from "./rows.mjs";

const rows = new Map((await allRows()).map((row) => [row.id, row]));
let set;

process.on("message", async ({ id, draw, images, quantizeOnly }) => {
  try {
    process.send({ id, draw, result: await run(rows.get(id), draw, images, quantizeOnly) });
  } catch (error) {
    process.send({ id, draw, error: error?.stack ?? String(error) });
  }
});

// A killed parent leaves no worker behind.
process.on("disconnect", () => process.exit());

/** @param quantizeOnly nothing but the hash of the integers is wanted */
async function run(row, draw, images, quantizeOnly) {
  set ??= cifarTestSet(images);
  const { file, encoding } = models[row.model];
  const model = importFloatModel(sharedFile("models", file), { file });
  const started = performance.now();
  const seconds = (since) => Number(((performance.now() - since) / 1000).toFixed(1));
  if (!row.options && !row.quantize) {
    return {
      correct: correctInFloat(model, encoding, set),
      images: set.count,
      evaluationSeconds: seconds(started),
    };
  }
  const count = row.calibration;
  const job = {
    model,
    images: preprocess(cifarTrainingImages(count, draw), encoding),
    count,
    options: row.options ?? {},
    inputRange: inputRange(encoding),
    random: seeded(draw),
  };
  const quantized = row.quantize
    ? await row.quantize(job)
    : {
        model,
        plan: quantizeModel(model, job.images, count, {
          inputRange: job.inputRange,
          ...job.options,
          random: job.random,
        }),
      };
  const inputEncoding = { kind: "normalize", ...encoding, rounding: "half-away" };
  const graph = lowerFloatGraph(quantized.model, quantized.plan, { inputEncoding });
  if (quantizeOnly) return { graph: graphHash(graph) };
  const { weightBytes, sideBytes, bitsPerWeight } = codedSize(model, quantized.plan, graph);
  const quantizationSeconds = seconds(started);
  const measured = performance.now();
  const hash = graphHash(graph);
  let correct = loadCorrect(hash, set.count);
  if (correct === undefined) {
    correct = await correctOnOverlay(graph, set);
    saveCorrect(hash, set.count, correct);
  }
  return {
    correct,
    images: set.count,
    bitsPerWeight,
    bytes: weightBytes + sideBytes,
    graph: hash,
    quantizationSeconds,
    evaluationSeconds: seconds(measured),
  };
}
