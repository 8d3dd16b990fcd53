/** `--json FILE|-`: a result as JSON, to stdout or to a file written in one step. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export function writeJson(target: string | undefined, value: unknown): void {
  if (target === undefined) return;
  const text = `${JSON.stringify(value, null, 2)}\n`;
  if (target === "-") process.stdout.write(text);
  else writeFileWhole(target, text);
}

/**
 * Writes beside the target and renames, so that a crash leaves the old file or the new one, never half of it. Makes the
 * folder where it is missing.
 */
export function writeFileWhole(path: string, contents: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.part`;
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
