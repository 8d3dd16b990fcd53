/** `sluice compress`: a float model becomes a small integer package, with the accuracy measured. */
import { availableParallelism } from "node:os";
import {
  describeTarget,
  type PlannedModel,
  paretoPlot,
  parseTargets,
  type Target,
} from "@sluice/sdk/planner";
import {
  type ClusterStart,
  type CompressionMethod,
  clusterStarts,
  compressionMethods,
  defaultWeightOptions,
  type PruningSettings,
  parsePruning,
  parseRestructuring,
  type RangeMethod,
  type Restructuring,
  type ScaleKind,
} from "@sluice/sdk/quantize";
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  type CompressResult,
  compressModel,
  isNeutral,
  MAX_CALIBRATION_IMAGES,
  POOR_TOP1,
} from "../jobs/compress-job.js";
import { planText } from "../report/plan-text.js";
import { noProgress, progressLine } from "../report/progress-line.js";
import { bytes, integer, percent } from "../report/text-table.js";
import { UsageError } from "./errors.js";
import { writeFileWhole, writeJson } from "./json-output.js";
import { addMethodOptions, type MethodOptions, methodSettings } from "./method-options.js";
import {
  addCompileOptions,
  addPreprocessOptions,
  type CompileOptions,
  type PreprocessOptions,
  parseCount,
} from "./model-options.js";

interface CompressOptions extends CompileOptions, PreprocessOptions, MethodOptions {
  readonly dataset: string;
  readonly method: CompressionMethod;
  readonly weightBits: number;
  readonly target?: string;
  readonly plot?: string;
  readonly activationBits: number;
  readonly scales: ScaleKind;
  readonly perTensor?: boolean;
  readonly range: RangeMethod;
  readonly lambda: number;
  readonly prune?: PruningSettings;
  readonly restructure?: Restructuring;
  readonly pruneLast?: boolean;
  readonly clusters: number;
  readonly clusterStart: ClusterStart;
  readonly calibration: number;
  readonly seed: number;
  readonly limit?: number;
  readonly out?: string;
  readonly json?: string;
}

export function registerCompress(program: Command): void {
  const command = program
    .command("compress")
    .description("Quantise a float model after training, measure it and write a .sluice package")
    .argument(
      "<model>",
      "float model: ONNX (.onnx), TFLite (.tflite) or TensorFlow.js (model.json or its folder)",
    )
    .requiredOption(
      "--dataset <dir>",
      "folder with training and test files (CIFAR-10, MNIST, pictures under train and test, or train.npy and test.npy); KIND:DIR says which",
    )
    .addOption(
      new Option("--method <name>", "how weights are quantised")
        .choices(Object.keys(compressionMethods))
        .default("rate-distortion"),
    )
    .addOption(
      new Option(
        "--target <limits>",
        "let the planner choose a method for every layer: bits/weight<=3.5, size<=120kB, drop<=0.5, cycles<=20000, or several with commas",
      ).conflicts([
        "method",
        "prune",
        "weightBits",
        "perTensor",
        "scales",
        "range",
        "activationBits",
        "lambda",
      ]),
    )
    .option("--plot <file>", "with --target: the verified plans as SVG (default: beside the package)")
    .option(
      "--bits, --weight-bits <n>",
      "weight bits of the fixed-width methods, 2..8 (2 is ternary)",
      parseRange(2, 8),
      8,
    )
    .option("--activation-bits <n>", "bits of what weights multiply, 4..8", parseRange(4, 8), 8)
    .addOption(new Option("--scales <kind>", "scales").choices(["free", "power-of-two"]).default("free"))
    .option("--per-tensor", "one weight scale per layer instead of one per output channel")
    .addOption(
      new Option("--range <method>", "activation ranges: mse, min-max, or a percentile such as 99.99")
        .argParser(parseRangeMethod)
        .default({ kind: "mse" } as RangeMethod, "mse"),
    )
    .option(
      "--lambda <price>",
      "rate-distortion: price of a bit; larger is smaller",
      parsePositive,
      defaultWeightOptions.lambda,
    )
    .option(
      "--prune <rule>",
      "drop weights too: obs:0.5, global:0.5, layer:0.5 (shares), sigma:0.7, 2:4",
      parsePruningRule,
    )
    .option(
      "--restructure <rule>",
      "change the model first: svd:0.95, tucker:0.95, cur:0.95 (energy kept), l1:0.25, l2:0.25, apoz:0.25 (filters out)",
      parseRestructuringRule,
    )
    .option("--prune-last", "quantise first and prune the codes, instead of the other way round")
    .option("--clusters <n>", "values per layer of clustering, 2..128", parseRange(2, 128), 16)
    .addOption(
      new Option("--cluster-start <name>", "where the clusters begin")
        .choices(Object.keys(clusterStarts))
        .default("linear"),
    )
    .option(
      "--calibration <n>",
      `training images to calibrate on, at most ${MAX_CALIBRATION_IMAGES}; 0 for dfq without data`,
      parseRange(0, MAX_CALIBRATION_IMAGES),
      1024,
    )
    .option("--seed <n>", "chooses the calibration images", parseCount, 1)
    .option("--limit <n>", "test images (default: all)", parseCount)
    .option("-o, --out <file>", "package to write (default: the model's name with .sluice)")
    .option("--json <file>", "write the result as JSON to a file, or to stdout with -");
  addPreprocessOptions(addCompileOptions(addMethodOptions(command)))
    .addHelpText(
      "after",
      `
Methods:
${Object.entries(compressionMethods)
  .map(([name, text]) => `  ${name.padEnd(17)} ${text}`)
  .join("\n")}

Examples:
  sluice compress model.tflite --dataset cifar10:data/cifar10
  sluice compress model.onnx --dataset cifar10:data/cifar10 --scale 1/255 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  sluice compress model.tflite --dataset cifar10:data/cifar10 --method gram --weight-bits 4 --json -
  sluice compress model.onnx --dataset cifar10:data/cifar10 --method dfq --calibration 0
  sluice compress model.onnx --dataset cifar10:data/cifar10 --method apot --weight-bits 4 --activation-bits 4
  sluice compress model.tflite --dataset cifar10:data/cifar10 --method pruning --prune obs:0.7
  sluice compress model.tflite --dataset cifar10:data/cifar10 --restructure l2:0.25 --method gram
  sluice compress model.tflite --dataset cifar10:data/cifar10 --method clustering --clusters 16
  sluice compress model.tflite --dataset data/cifar10 --target "drop<=0.5" --plot pareto.svg
  sluice compress model.tflite --dataset data/cifar10 --target "bits/weight<=2,cycles<=40000"`,
    )
    .action((model: string, options: CompressOptions) => compress(model, options));
}

/** Methods whose steps follow from the price or from the weights: a power of two has no place in them. */
const freeScaleMethods: readonly CompressionMethod[] = ["rate-distortion", "clustering"];

async function compress(model: string, options: CompressOptions): Promise<void> {
  const progress = options.json === "-" ? noProgress : progressLine(process.stderr);
  const started = performance.now();
  if (options.scales === "power-of-two" && freeScaleMethods.includes(options.method)) {
    throw new UsageError("bad-scales", `The method ${options.method} has free scales only.`, {
      place: "--scales",
      expected: "free",
      found: options.scales,
      hint: "Leave --scales out, or use a method such as gram.",
    });
  }
  const targets = options.target === undefined ? undefined : parseTargets(options.target);
  const normalization = { scale: options.scale ?? 1, mean: options.mean ?? [0], std: options.std ?? [1] };
  const result = await compressModel(
    {
      model,
      dataset: options.dataset,
      calibrationImages: options.calibration,
      seed: options.seed,
      quantize: {
        method: options.method,
        ...methodSettings(options),
        bits: options.weightBits,
        scales: options.scales,
        perChannel: options.perTensor !== true,
        lambda: options.lambda,
        pruning: options.prune,
        pruningOrder: options.pruneLast ? "quantize-first" : "prune-first",
        clusters: options.clusters,
        clusterStart: options.clusterStart,
        activationBits: options.activationBits,
        range: options.range,
      },
      normalization,
      geometry: options.geometry,
      codec: options.codec,
      targets,
      restructuring: options.restructure,
      limit: options.limit,
      workers: availableParallelism(),
    },
    {
      onStage: (stage, done, detail) => progress.show(`${stage} ${percent(done, 0)} ${detail}`),
      onPoorModel: (top1, images) => {
        progress.clear();
        process.stderr.write(
          `hint: the float model is right on ${percent(top1, 0)} of ${images} training images: does it want --scale, --mean and --std?\n`,
        );
      },
    },
  );
  progress.clear();
  const seconds = (performance.now() - started) / 1000;
  const out = options.out ?? `${result.file.replace(/\.[^.]+$/, "")}.sluice`;
  writeFileWhole(out, result.package);
  const { accuracy, size, compiled } = result;
  const raw = compiled.layers.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  const { planned } = result;
  const method = planned ? "planner" : options.method;
  const plot = planned && (options.plot ?? `${out.replace(/\.sluice$/, "")}.svg`);
  if (planned && plot) writeFileWhole(plot, plotOf(result.file, planned, targets ?? []));
  // Exactly these fields: programs compare them.
  writeJson(options.json, {
    model: result.file,
    method,
    accuracy: { float: accuracy.float, integer: accuracy.integer, images: accuracy.images },
    bitsPerWeight: size.bitsPerWeight,
    codedBytes: size.weightBytes + size.sideBytes,
    rawWeightBytes: raw,
    cyclesPerFrame: compiled.plan.cyclesPerFrame,
    calibrationImages: result.calibrationImages,
    seconds,
  });
  if (options.json === "-") return;
  if (planned) process.stdout.write(`${planText(planned, result.heldOutImages ?? 0)}\n`);
  process.stdout.write(report(result, out, seconds, isNeutral(normalization)));
  if (plot) process.stdout.write(`plot: ${plot}\n`);
}

function plotOf(file: string, { points, best }: PlannedModel, targets: readonly Target[]): string {
  const names = targets.map(describeTarget).join(", ");
  return paretoPlot(`${file}: ${names}`, points, best, targets);
}

function report(result: CompressResult, out: string, seconds: number, neutral: boolean): string {
  const { accuracy, size, compiled, file } = result;
  const drop = 100 * (accuracy.float - accuracy.integer);
  const hint =
    neutral && accuracy.float < POOR_TOP1
      ? "hint: the float model itself is poor on these images: does it want --scale, --mean and --std?\n"
      : "";
  return (
    `${file}: ${integer(size.weights)} weights in ${bytes(size.weightBytes)} + ${bytes(size.sideBytes)} scales and biases ` +
    `(${size.bitsPerWeight.toFixed(3)} bits per weight, everything counted)\n` +
    `top-1 on ${integer(accuracy.images)} test images: float ${percent(accuracy.float, 2)}, integer ` +
    `${percent(accuracy.integer, 2)} (95 % interval ${percent(accuracy.interval[0], 2)} to ${percent(accuracy.interval[1], 2)}; ` +
    `drop ${drop.toFixed(2)} points, same class on ${percent(accuracy.agreement, 2)}; outputs ${accuracy.sqnr.toFixed(1)} dB above the difference)\n` +
    (accuracy.unlabelled ? "no labels: the float model's class counts as right\n" : "") +
    `${compiled.plan.cyclesPerFrame.toLocaleString("en")} cycles a frame by the model; calibrated on ` +
    `${integer(result.calibrationImages)} images of ${result.datasets.training}, tested on ${result.datasets.test}; ` +
    `${seconds.toFixed(0)} s\n${hint}` +
    `${out}: ${bytes(result.package.length)}\nnext: sluice deploy ${out}\n`
  );
}

function parseRange(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number, ${least} to ${most}`);
  };
}

function parseRestructuringRule(text: string): Restructuring {
  const rule = parseRestructuring(text);
  if (rule) return rule;
  throw new InvalidArgumentError(
    "expected svd:0.95, tucker:0.95, cur:0.95, l1:0.25, l2:0.25, apoz:0.25 or apoz",
  );
}

function parsePruningRule(text: string): PruningSettings {
  const rule = parsePruning(text);
  if (rule) return rule;
  throw new InvalidArgumentError("expected obs:0.5, global:0.5, layer:0.5, sigma:0.7 or 2:4");
}

function parsePositive(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new InvalidArgumentError("expected a number above 0 and below 1, such as 4e-5");
}

function parseRangeMethod(text: string): RangeMethod {
  if (text === "mse" || text === "min-max") return { kind: text };
  const share = Number(text) / 100;
  if (share > 0.5 && share <= 1) return { kind: "percentile", share };
  throw new InvalidArgumentError("expected mse, min-max, or a percentile above 50 such as 99.99");
}
