/**
 * Boards a person has written down: `sluice.config.json` in the working directory, else `boards.json` in the user's
 * configuration folder. Both hold { "boards": [{ "name": "bench", "link": "tcp:192.168.1.40" }, ...] }.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TransportError } from "@sluice/sdk/errors.js";
import { z } from "zod";
import { type LinkAddress, parseLink } from "../transport/index.js";
import { configFolder } from "./config-folder.js";

const boardConfig = z.object({
  boards: z
    .array(z.strictObject({ name: z.string().min(1).max(255), link: z.string().min(1).max(4_096) }))
    .max(1_000)
    .optional(),
});

export interface ConfiguredBoard {
  readonly name: string;
  readonly address: LinkAddress;
  /** The file that names it. */
  readonly file: string;
}

export interface ConfigPlaces {
  /** Default the working directory. */
  readonly directory?: string;
  /** Default $XDG_CONFIG_HOME or ~/.config. */
  readonly configHome?: string;
}

/**
 * The first of the two files that exists; none is no error.
 * @throws {TransportError} `bad-config` names the file and the field
 */
export function configuredBoards(places: ConfigPlaces = {}): ConfiguredBoard[] {
  const files = [
    join(places.directory ?? process.cwd(), "sluice.config.json"),
    join(configFolder(places.configHome), "boards.json"),
  ];
  for (const file of files) {
    const text = readIfThere(file);
    if (text !== undefined) return parseConfig(file, text);
  }
  return [];
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw badConfig(file, "the file cannot be read", cause);
  }
}

function parseConfig(file: string, text: string): ConfiguredBoard[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badConfig(file, cause instanceof Error ? cause.message : "not JSON", cause);
  }
  const result = boardConfig.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw badConfig(file, `${issue.path.map(String).join(".") || "the file"}: ${issue.message}`);
  }
  return (result.data.boards ?? []).map(({ name, link }) => ({ name, address: parseLink(link), file }));
}

function badConfig(file: string, found: string, cause?: unknown): TransportError {
  return new TransportError("bad-config", "The list of boards cannot be read.", {
    place: file,
    expected: '{ "boards": [{ "name": "bench", "link": "tcp:192.168.1.40" }] }',
    found,
    hint: "Correct the file, or name the board with --link.",
    cause,
  });
}
