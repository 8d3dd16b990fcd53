/** Colours on a terminal that wants them, plain text everywhere else. */
import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

export function style(format: Format, text: string): string {
  const colours = process.stdout.isTTY && process.env.NO_COLOR === undefined;
  return colours ? styleText(format, text) : text;
}
