/** `mkdir -p` that ends: Node's own never returns where a parent exists but takes no folders, as in /proc. */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** @param mode of folders that are made @throws what the file system answers */
export function makeFolder(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, mode);
    return;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EEXIST" && statSync(path).isDirectory()) return;
    const parent = dirname(path);
    if (code !== "ENOENT" || parent === path || isFolder(parent)) throw error;
    makeFolder(parent, mode);
  }
  mkdirSync(path, mode);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
