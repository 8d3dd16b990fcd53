/** `sluice deploy`: from a model file to a verdict, on a board or on an emulated one. */
import { readFileSync } from "node:fs";
import {
  addFaultOptions,
  asksForFaultList,
  type FaultOptions,
  faultListing,
  faultPlanOf,
} from "@sluice/board-firmware/twin/fault-options.js";
import { SluiceError } from "@sluice/sdk/errors.js";
import { formatNpy } from "@sluice/sdk/npy";
import { type Command, Option } from "commander";
import { Listr, type ListrRendererValue } from "listr2";
import { defaultModel } from "../default-model.js";
import type { BoardSession, InstallResult } from "../jobs/board-session.js";
import {
  type CompiledDeployment,
  deployResult,
  prepareDeployment,
  type Verification,
  verifyOnBoard,
} from "../jobs/deploy-job.js";
import { DeployMemory } from "../jobs/deploy-memory.js";
import type { DeployResult } from "../jobs/deploy-result.js";
import { type InputSource, openInputs } from "../jobs/input-source.js";
import { keepWhatTheBoardHas } from "../jobs/keep-sections.js";
import { openBoardSession } from "../jobs/open-board.js";
import { renderDeployReport } from "../report/deploy-report.js";
import { bytes, integer, percent } from "../report/text-table.js";
import { UsageError } from "./errors.js";
import { exitCodes } from "./exit-codes.js";
import { writeFileWhole, writeJson } from "./json-output.js";
import {
  addCompileOptions,
  addLikeOption,
  addPreprocessOptions,
  type CompileOptions,
  type PreprocessOptions,
  parseCount,
} from "./model-options.js";

interface DeployOptions extends CompileOptions, PreprocessOptions, FaultOptions {
  readonly board: string;
  readonly device?: "emulated" | "rtl" | "kv260";
  readonly link?: string;
  readonly insecure?: boolean;
  readonly dataset?: string;
  readonly inputs?: string[];
  readonly labels?: string;
  readonly limit?: number;
  readonly checkImages: number;
  readonly like?: string;
  readonly fresh?: boolean;
  readonly logits?: string;
  readonly out?: string;
  readonly json?: string;
}

interface Context {
  /** Those that --fault made happen. */
  readonly faults: string[];
  deployment: CompiledDeployment;
  source: InputSource;
  session: BoardSession;
  install: InstallResult;
  uploadMs: number;
  verification: Verification;
  telemetry: DeployResult["telemetry"];
}

export function registerDeploy(program: Command): void {
  const command = program
    .command("deploy")
    .description("Compile, upload and run a model on a board, and compare every layer with the reference")
    .argument(
      "[model]",
      "QONNX (.onnx), TFLite (.tflite) or packed (.sluice) file; default: the bundled ResNet-8",
    )
    .addOption(new Option("--board <type>", "board to deploy to").choices(["kv260"]).default("kv260"))
    .addOption(
      new Option("--device <kind>", "what computes; default: an attached board, else emulated").choices([
        "emulated",
        "rtl",
        "kv260",
      ]),
    )
    .option("--link <link>", "tcp:HOST[:PORT], serial:PATH[:BAUD] or memory; default: the first board found")
    .option(
      "--insecure",
      "deploy to a board that is not paired, does not prove itself and is not on this machine",
    )
    .option("--dataset <kind:dir>", "cifar10:DIR, mnist:DIR or images:DIR")
    .option("--inputs <file...>", "pictures, or .npy tensors (uint8, int8, float32; NHWC)")
    .option("--labels <file>", "class names, one per line; names predictions in the report")
    .option("--limit <n>", "use the first n inputs only", parseCount)
    .option("--check-images <n>", "images on which every layer is compared", parseCount, 4)
    .option("--fresh", "code all weights anew, even where the board has most of them from the last deploy")
    .option("--logits <file.npy>", "write the integer logits of every input, int32 [N, classes]")
    .option("-o, --out <file>", "keep the package")
    .option("--json <file>", "write the result as JSON to a file, or to stdout with -");
  addFaultOptions(addPreprocessOptions(addLikeOption(addCompileOptions(command))))
    .addHelpText(
      "after",
      `
Examples:
  sluice deploy --board kv260
  sluice deploy resnet8.onnx --dataset cifar10:data/cifar10
  sluice deploy model.tflite --inputs photo.jpg --labels imagenet_labels.txt
  sluice deploy --fault bit-flip-weights    how a flipped bit in DDR shows; --fault list names all faults
  sluice deploy model.sluice --link tcp:192.168.1.20 --json result.json
  sluice deploy model.onnx --dataset images:photos --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --scale 1/255

Without --dataset or --inputs a model of yours runs on 8 seeded random inputs: enough to compare bits, not accuracy.`,
    )
    .action((model: string | undefined, options: DeployOptions) => deploy(model, options));
}

async function deploy(modelPath: string | undefined, options: DeployOptions): Promise<void> {
  if (asksForFaultList(options)) {
    process.stdout.write(faultListing());
    return;
  }
  checkFaults(options);
  const bundled = modelPath === undefined ? defaultModel() : undefined;
  const path = modelPath ?? bundled?.modelPath ?? "";
  const context = { faults: [] as string[] } as Context;
  const tasks = new Listr<Context, ListrRendererValue, ListrRendererValue>(
    [
      {
        title: "Import and compile",
        task: async (_, task) => {
          const report = outputOf(task);
          context.deployment = prepareDeployment(path, options, (done) =>
            report(`encoding weights ${percent(done, 0)}`),
          );
          const { compiled, model } = context.deployment;
          if (options.out) writeFileWhole(options.out, context.deployment.packageBytes);
          task.title = `Compiled ${model.file}: ${compiled.layers.length} layers for ${compiled.plan.geometry}`;
        },
      },
      {
        title: "Open the inputs",
        task: async (_, task) => {
          context.source = await openInputs(context.deployment.model.graph, {
            ...options,
            fallback: bundled?.dataset,
          });
          task.title = `Inputs: ${context.source.name}, ${integer(context.source.count)} images`;
        },
      },
      {
        title: "Find a board",
        task: async (_, task) => {
          const wanted = {
            ...options,
            faults: options.fault,
            faultSeed: options.faultSeed === undefined ? undefined : Number(options.faultSeed),
            onFault: (fault: string) => context.faults.push(fault),
          };
          context.session = await openBoardSession(wanted, context.deployment.geometry, (text) => {
            task.output = text;
          });
          const { kind, device, link } = context.session.description;
          task.title = `Board: ${kind} (${device}) over ${link}`;
        },
        rendererOptions: { persistentOutput: true },
      },
      {
        title: "Upload",
        task: async (_, task) => {
          await keepSections(context, path, options);
          const { compiled } = context.deployment;
          const report = outputOf(task);
          const started = performance.now();
          context.install = await context.session.install(
            compiled.plan,
            compiled.sections,
            compiled.layers.map(({ name }) => name),
            (done, total) => report(`${bytes(done)} of ${bytes(total)}`),
            context.deployment.model.packed?.signed,
          );
          context.uploadMs = performance.now() - started;
          if (context.session.keepsUploads && !context.deployment.model.packed) {
            new DeployMemory().remember({ ...options, path }, context.deployment.packageBytes);
          }
          const { bytesSent, bytesTotal } = context.install;
          task.title =
            bytesSent === 0
              ? `Upload: the board already had all ${bytes(bytesTotal)}`
              : `Uploaded ${bytes(bytesSent)} of ${bytes(bytesTotal)}`;
        },
      },
      {
        title: "Compare with the reference",
        task: async (_, task) => {
          const report = outputOf(task);
          const { source } = context;
          const progress = {
            onLayers: (images: number) => report(`every layer: ${images} of ${options.checkImages} images`),
            onLogits: progressLine(source.count, report),
          };
          context.verification = await verifyOnBoard(
            context.session,
            context.deployment,
            source,
            Math.max(1, options.checkImages),
            progress,
          );
          context.telemetry = await context.session.readings();
          const { images } = context.verification.comparison;
          const seconds = context.verification.runMs / 1000;
          task.title = `Compared ${integer(images)} images in ${seconds.toFixed(1)} s`;
        },
      },
    ],
    { ctx: context, renderer: rendererFor(options.json), fallbackRenderer: "simple" },
  );

  try {
    await tasks.run();
    const { deployment, session, install, uploadMs, verification, source, telemetry } = context;
    const labels = options.labels ? readLabels(options.labels) : source.classes;
    const result = deployResult(deployment, session, install, uploadMs, verification, labels, telemetry);
    finish(result, verification, options);
  } finally {
    await context.session?.close();
    for (const fault of context.faults) process.stderr.write(`fault injected: ${fault}\n`);
  }
}

/** A board that has the last deploy of this model is sent what changed since. */
async function keepSections(context: Context, path: string, options: DeployOptions): Promise<void> {
  const { deployment, session } = context;
  const chosen = options.fresh || options.like !== undefined || deployment.model.packed !== undefined;
  if (chosen || !session.keepsUploads) return;
  const earlier = new DeployMemory().recall({ ...options, path });
  if (earlier === undefined) return;
  context.deployment = await keepWhatTheBoardHas(deployment, options.codec, session, earlier);
  if (options.out && context.deployment !== deployment) {
    writeFileWhole(options.out, context.deployment.packageBytes);
  }
}

/** A wrong name is a mistake of this command line, not of a board. */
function checkFaults(options: FaultOptions): void {
  try {
    faultPlanOf(options);
  } catch (error) {
    if (error instanceof SluiceError) throw new UsageError(error.code, error.message, error);
    throw error;
  }
}

function finish(result: DeployResult, { comparison }: Verification, options: DeployOptions): void {
  if (options.logits) {
    const classes = comparison.logits.length / Math.max(1, comparison.images);
    writeFileWhole(options.logits, formatNpy(comparison.logits, [comparison.images, classes]));
  }
  writeJson(options.json, result);
  if (options.json !== "-") process.stdout.write(renderDeployReport(result));
  if (!result.verdict.bitExact) process.exitCode = exitCodes.notBitExact;
}

/** One class name per line. */
function readLabels(path: string): string[] {
  return readFileSync(path, "utf8").trimEnd().split(/\r?\n/);
}

function rendererFor(json: string | undefined): ListrRendererValue {
  if (json === "-") return "silent";
  return process.stdout.isTTY ? "default" : "simple";
}

/** "1,200 of 10,000 images, 412/s, 21 s left, 88.9 % right so far" */
function progressLine(total: number, report: (text: string) => void) {
  const started = performance.now();
  return (done: number, correct: number, labelled: number): void => {
    const perSecond = done / ((performance.now() - started) / 1000);
    const left = (total - done) / perSecond;
    const right = labelled > 0 ? `, ${percent(correct / labelled)} right so far` : "";
    report(
      `${integer(done)} of ${integer(total)} images, ${integer(perSecond)}/s, ${Math.ceil(left)} s left${right}`,
    );
  };
}

/** On a terminal every update is drawn over the last one; in a log a line every few seconds is enough. */
function outputOf(task: { output: string }): (text: string) => void {
  const interval = process.stdout.isTTY ? 100 : 5_000;
  let last = process.stdout.isTTY ? Number.NEGATIVE_INFINITY : performance.now();
  return (text) => {
    const now = performance.now();
    if (now - last < interval) return;
    last = now;
    task.output = text;
  };
}
