/** Options that several commands share: which model, how to compile it, how to preprocess its inputs. */
import { defaultCodec } from "@sluice/sdk/codec";
import { type Command, InvalidArgumentError } from "commander";

export interface CompileOptions {
  readonly geometry: string;
  readonly codec: string;
}

export interface PreprocessOptions {
  readonly scale?: number;
  readonly mean?: number[];
  readonly std?: number[];
}

export function addCompileOptions(command: Command): Command {
  return command
    .option("--geometry <id>", "overlay geometry to compile for", "p8i8o16")
    .option(
      "--codec <name>",
      "weight codec; all commands but compress also take a list whose smallest each layer uses: ans,deflate",
      defaultCodec.name,
    );
}

/** For commands that write or send a package. */
export function addLikeOption(command: Command): Command {
  return command.option(
    "--like <file.sluice>",
    "keep the streams and tables of this earlier package where the weights did not change",
  );
}

export function addPreprocessOptions(command: Command): Command {
  return command
    .option(
      "--scale <factor>",
      "multiply pixels by this first (for example 1/255); kept in the package",
      parseFactor,
    )
    .option("--mean <r,g,b>", "subtract per channel after scaling; kept in the package", parseList)
    .option("--std <r,g,b>", "divide per channel; kept in the package", parseList);
}

export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number");
  return value;
}

/** A number, or a quotient such as 1/255. */
export function parseFactor(text: string): number {
  const [numerator, denominator, ...rest] = text.split("/").map(Number);
  const value = denominator === undefined ? numerator : numerator / denominator;
  if (!Number.isFinite(value) || value === 0 || rest.length > 0) {
    throw new InvalidArgumentError("expected a number such as 0.00392 or 1/255");
  }
  return value;
}

export function parseList(text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.length === 0 || values.some((value) => !Number.isFinite(value))) {
    throw new InvalidArgumentError("expected numbers separated by commas, one per channel");
  }
  return values;
}
