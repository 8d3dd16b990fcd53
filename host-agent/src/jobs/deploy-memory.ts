/**
 * The packages of the last deploys, in the user's cache: a model that comes again a little different can then be coded so
 * that a board keeps what has not changed (keep-sections.ts). Nothing depends on it: a cache that is empty, damaged or
 * not writable costs an upload.
 */
import { createHash } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const MOST_PACKAGES = 32;
const LARGEST_PACKAGE = 64 * 2 ** 20;

/** What makes two deploys those of one model. */
export interface DeployedModel {
  readonly path: string;
  readonly geometry: string;
  readonly codec: string;
}

export class DeployMemory {
  readonly #folder: string;

  /** @param folder default $XDG_CACHE_HOME/sluice/deployed or ~/.cache/sluice/deployed */
  constructor(folder?: string) {
    const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
    this.#folder = folder ?? join(cache, "sluice", "deployed");
  }

  recall(model: DeployedModel): Uint8Array | undefined {
    return orNothing(() => {
      const path = this.#pathOf(model);
      return statSync(path).size > LARGEST_PACKAGE ? undefined : new Uint8Array(readFileSync(path));
    });
  }

  remember(model: DeployedModel, packageBytes: Uint8Array): void {
    if (packageBytes.length > LARGEST_PACKAGE) return;
    orNothing(() => {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      const path = this.#pathOf(model);
      const unfinished = `${path}.${process.pid}.part`;
      writeFileSync(unfinished, packageBytes, { mode: 0o600 });
      renameSync(unfinished, path);
      this.#forgetOldest();
    });
  }

  #pathOf({ path, geometry, codec }: DeployedModel): string {
    const key = JSON.stringify([realpathSync(path), geometry, codec]);
    return join(this.#folder, `${createHash("sha256").update(key).digest("hex")}.sluice`);
  }

  #forgetOldest(): void {
    const files = readdirSync(this.#folder).map((name) => join(this.#folder, name));
    if (files.length <= MOST_PACKAGES) return;
    const byAge = files.map((file) => ({ file, age: statSync(file).mtimeMs })).sort((a, b) => a.age - b.age);
    for (const { file } of byAge.slice(0, files.length - MOST_PACKAGES)) rmSync(file, { force: true });
  }
}

/** A cache that fails is a cache that is empty. */
function orNothing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}
