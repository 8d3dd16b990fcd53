/** Options of single compression methods: what their levels, budgets and scales are. */
import type { LevelRounding, QuantizeOptions, ScaleKind, TermCounter } from "@sluice/sdk/quantize";
import { type Command, InvalidArgumentError, Option } from "commander";

export interface MethodOptions {
  readonly plain?: boolean;
  readonly rounding: LevelRounding;
  readonly hot: number;
  readonly exponent?: number;
  readonly terms: number;
  readonly termCounter: TermCounter;
  readonly weightScales?: ScaleKind;
  readonly equalize?: boolean;
  readonly smoothing: number;
  readonly iterations: number;
}

export function addMethodOptions(command: Command): Command {
  return command
    .option("--equalize", "even out channel ranges across layers first (dfq always does)")
    .option(
      "--smoothing <share>",
      "bring channels of activations to one size first, 0..1",
      parseBetween(0, 1),
      0,
    )
    .addOption(
      new Option("--weight-scales <kind>", "scales of the weights alone").choices(["free", "power-of-two"]),
    )
    .option("--plain", "power-of-two, apot, k-hot, power-quant, sva: nearest levels, nothing compensated")
    .addOption(
      new Option("--rounding <domain>", "power-of-two with --plain: nearest in value or in the logarithm")
        .choices(["value", "log"])
        .default("value"),
    )
    .option("--hot <k>", "ones or digits of the k-hot methods, 1..7", parseWhole(1, 7), 2)
    .option("--exponent <a>", "power-quant: 0.3..1.2 (default: fitted)", parseBetween(0.3, 1.2))
    .option("--terms <n>", "sva: signed powers of two per weight, 0.25..4", parseBetween(0.25, 4), 1)
    .addOption(
      new Option("--term-counter <name>", "sva with --plain: terms per pass, or digits present in the sum")
        .choices(["passes", "digits"])
        .default("passes"),
    )
    .option("--iterations <n>", "adaround: steps per layer, 10..10000", parseWhole(10, 10_000), 400);
}

export function methodSettings(options: MethodOptions): Partial<QuantizeOptions> {
  const {
    plain,
    rounding,
    hot,
    exponent,
    terms,
    termCounter,
    weightScales,
    equalize,
    smoothing,
    iterations,
  } = options;
  return {
    compensated: plain !== true,
    rounding,
    hot,
    exponent,
    termsPerWeight: terms,
    termCounter,
    weightScales,
    equalize: equalize === true,
    smoothing,
    iterations,
  };
}

function parseWhole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number, ${least} to ${most}`);
  };
}

function parseBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a number, ${least} to ${most}`);
  };
}
