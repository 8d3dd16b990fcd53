/** `sluice verify`: the bits of a model or package, on this machine, without a board or a link. */
import { type Command, Option } from "commander";
import { prepareDeployment, verifyOnBoard } from "../jobs/deploy-job.js";
import { openInputs } from "../jobs/input-source.js";
import { openLocalSession } from "../jobs/local-session.js";
import { noProgress, progressLine } from "../report/progress-line.js";
import { integer, percent } from "../report/text-table.js";
import { exitCodes } from "./exit-codes.js";
import { writeJson } from "./json-output.js";
import {
  addCompileOptions,
  addPreprocessOptions,
  type CompileOptions,
  type PreprocessOptions,
  parseCount,
} from "./model-options.js";

interface VerifyOptions extends CompileOptions, PreprocessOptions {
  readonly device: "emulated" | "rtl";
  readonly dataset?: string;
  readonly inputs?: string[];
  readonly limit?: number;
  readonly json?: string;
}

export function registerVerify(program: Command): void {
  const command = program
    .command("verify")
    .description("Check a package's hashes and weight streams, and every layer against the reference")
    .argument("<model>", "a .sluice package, or a model file, which is compiled for the purpose")
    .addOption(
      new Option("--device <kind>", "what executes").choices(["emulated", "rtl"]).default("emulated"),
    )
    .option("--dataset <kind:dir>", "cifar10:DIR, mnist:DIR or images:DIR (default: seeded random tensors)")
    .option("--inputs <file...>", "pictures, or .npy tensors")
    .option("--limit <n>", "inputs on which every layer is compared", parseCount, 8)
    .option("--json <file>", "write the result as JSON to a file, or to stdout with -");
  addPreprocessOptions(addCompileOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  sluice verify model.sluice
  sluice verify resnet8.onnx --dataset cifar10:data/cifar10 --limit 20
  sluice verify model.tflite --geometry p4i8o8 --json -`,
    )
    .action(verify);
}

async function verify(path: string, options: VerifyOptions): Promise<void> {
  const progress = options.json === "-" ? noProgress : progressLine(process.stderr);
  const deployment = prepareDeployment(path, options, () => undefined);
  const { compiled, geometry, model } = deployment;
  const source = await openInputs(model.graph, options);
  const session = await openLocalSession(options.device, geometry);
  try {
    await session.install(compiled.plan, compiled.sections, [], () => undefined);
    const { check, comparison } = await verifyOnBoard(session, deployment, source, source.count, {
      onLayers: (images) =>
        progress.show(
          `${integer(images)} of ${integer(source.count)} inputs (${percent(images / source.count, 0)})`,
        ),
      onLogits: () => progress.clear(),
    });
    const bitExact = !check.divergence && !comparison.mismatch;
    writeJson(options.json, {
      model: model.file,
      device: options.device,
      inputs: source.name,
      verdict: {
        bitExact,
        images: comparison.images,
        layers: compiled.layers.length,
        firstDivergence: check.divergence,
      },
    });
    if (!bitExact) process.exitCode = exitCodes.notBitExact;
    if (options.json === "-") return;
    const { divergence } = check;
    process.stdout.write(
      bitExact
        ? `${model.file}: ${compiled.layers.length} layers x ${check.images} inputs equal the reference (${source.name})\n`
        : `${model.file}: differs in layer "${divergence?.layer ?? "output"}" at (n, y, x, channel) = ` +
            `(${divergence?.element.join(", ") ?? comparison.mismatch?.element}): expected ` +
            `${divergence?.expected ?? comparison.mismatch?.expected}, found ${divergence?.found ?? comparison.mismatch?.found}\n` +
            `likely: ${divergence?.cause ?? "the output frame"}\n`,
    );
  } finally {
    await session.close();
  }
}
