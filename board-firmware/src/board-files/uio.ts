/** UIO nodes by name: the number in /dev/uioN depends on the order in which drivers came up. */
import type { BoardFiles } from "./board-files.js";

export const UIO_CLASS = "/sys/class/uio";

export interface UioNode {
  /** Device node, "/dev/uio4". */
  readonly path: string;
  readonly name: string;
  /** Physical ranges the node can map; map i lies at offset i x page. */
  readonly maps: readonly { readonly address: number; readonly bytes: number }[];
}

export function listUio(files: BoardFiles): UioNode[] {
  return files
    .list(UIO_CLASS)
    .filter((entry) => /^uio\d+$/.test(entry) && files.exists(`${UIO_CLASS}/${entry}/name`))
    .map((entry) => {
      const folder = `${UIO_CLASS}/${entry}`;
      const maps = files
        .list(`${folder}/maps`)
        .filter((map) => /^map\d+$/.test(map))
        .sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)))
        .map((map) => ({
          address: Number(files.readText(`${folder}/maps/${map}/addr`)),
          bytes: Number(files.readText(`${folder}/maps/${map}/size`)),
        }));
      return { path: `/dev/${entry}`, name: files.readText(`${folder}/name`), maps };
    });
}

export function findUio(files: BoardFiles, name: string): UioNode | undefined {
  return listUio(files).find((node) => node.name === name);
}
