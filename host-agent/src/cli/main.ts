/** The `sluice` command: one file per subcommand, one place for exit codes. */
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { registerBoard } from "./board.js";
import { registerBoards } from "./boards.js";
import { registerCodecCommand } from "./codec.js";
import { registerCompress } from "./compress.js";
import { registerDeploy } from "./deploy.js";
import { registerDoctor } from "./doctor.js";
import { reportError } from "./errors.js";
import { exitCodeHelp, exitCodes } from "./exit-codes.js";
import { registerInspect } from "./inspect.js";
import { registerPack } from "./pack.js";
import { registerPair } from "./pair.js";
import { registerKeygen, registerSign } from "./sign.js";
import { registerVerify } from "./verify.js";

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

// A reader that has seen enough (`sluice inspect … | head`) closes the pipe; that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.ok);
});

const program = new Command("sluice")
  .description(
    "Compressed CNN weights on a Kria KV260, verified bit for bit; on an emulated board when none is attached.",
  )
  .version(version)
  .showHelpAfterError("(run with --help for usage and examples)")
  .configureHelp({ sortSubcommands: false })
  .exitOverride()
  .addHelpText(
    "after",
    `
Examples:
  sluice deploy --board kv260                        the default model, board found or emulated
  sluice deploy model.onnx --dataset cifar10:data    validate a model of yours on a data set
  sluice pack model.tflite --out model.sluice        compile once, deploy anywhere
  sluice inspect model.sluice                        layers, sizes, cycles, layer program

${exitCodeHelp}`,
  );

for (const register of [
  registerDeploy,
  registerCompress,
  registerPack,
  registerInspect,
  registerCodecCommand,
  registerVerify,
  registerBoard,
  registerBoards,
  registerPair,
  registerKeygen,
  registerSign,
  registerDoctor,
]) {
  register(program);
}
for (const command of program.commands) command.exitOverride();

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = exitCodeFor(error);
}

function exitCodeFor(error: unknown): number {
  // Commander has already printed its message (or the help that was asked for).
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const at = process.argv.indexOf("--json");
  return reportError(error, at >= 0 ? process.argv[at + 1] : undefined);
}
