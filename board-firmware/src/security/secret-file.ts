/** Small JSON files that hold keys: only their owner may read them, and a crash leaves the old one or the new one. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { SecurityError } from "@sluice/sdk/errors.js";
import type { z } from "zod";
import { makeFolder } from "../board-files/make-folder.js";

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/**
 * Undefined when there is no such file.
 * @throws {SecurityError} `bad-permissions` when others may read it, `bad-secret-file`
 */
export function readSecretFile<T>(path: string, schema: z.ZodType<T>): T | undefined {
  let text: string;
  try {
    const descriptor = openSync(path, "r");
    try {
      checkMode(path, fstatSync(descriptor).mode);
      text = readFileSync(descriptor, "utf8");
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (cause instanceof SecurityError) throw cause;
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw badFile(path, String(cause), cause);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw badFile(path, "not what Sluice writes there", cause);
  }
}

/** Makes the folder where it is missing. @throws {SecurityError} `bad-secret-file` when it cannot be written */
export function writeSecretFile(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.part`;
  try {
    makeFolder(dirname(path), 0o700);
    const descriptor = openSync(temporary, "w", OWNER_ONLY);
    try {
      writeSync(descriptor, `${JSON.stringify(value, null, 2)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (cause) {
    removeQuietly(temporary);
    throw badFile(path, String(cause), cause);
  }
}

/** What cannot be removed was never there; the error on the way here is the one that counts. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // as above
  }
}

function checkMode(path: string, mode: number): void {
  // Windows has no such bits; Node reports 0666 there.
  if (process.platform === "win32" || (mode & OTHERS) === 0) return;
  throw new SecurityError("bad-permissions", "A file with keys can be read by others.", {
    place: path,
    expected: "mode 600",
    found: `mode ${(mode & 0o777).toString(8)}`,
    hint: `chmod 600 ${path}; if others had access to this machine, pair again.`,
  });
}

function badFile(path: string, found: string, cause: unknown): SecurityError {
  return new SecurityError("bad-secret-file", "A file with keys cannot be used.", {
    place: path,
    found,
    hint: "Give it back to its owner, or remove it and pair again.",
    cause,
  });
}
