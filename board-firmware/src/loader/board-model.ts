/** Is this machine a KV260? By /proc/device-tree, which says so before any register is touched. */
import type { BoardFiles } from "../board-files/index.js";
import { refuse } from "./gates.js";

const MODEL = "/proc/device-tree/model";
const COMPATIBLE = "/proc/device-tree/compatible";

export interface BoardModel {
  readonly model: string;
  readonly compatible: readonly string[];
}

export function readBoardModel(files: BoardFiles): BoardModel {
  return {
    model: files.readText(MODEL),
    compatible: files.readText(COMPATIBLE).split("\0").filter(Boolean),
  };
}

/** @throws {LoaderError} `gate-board` */
export function passBoardGate(files: BoardFiles): string {
  const expected = "a Kria K26 (compatible xlnx,zynqmp-sk-kv260... or xlnx,zynqmp-smk-k26...)";
  const hint = "Run this on the KV260 itself; anywhere else use --device emulated.";
  if (!files.exists(COMPATIBLE) || !files.exists(MODEL)) {
    throw refuse("board", "This machine is not a KV260: it has no device tree.", {
      place: COMPATIBLE,
      expected,
      found: `${process.platform} ${process.arch} without /proc/device-tree`,
      hint,
    });
  }
  const { model, compatible } = readBoardModel(files);
  if (compatible.some((name) => /^xlnx,zynqmp-(sk-kv260|smk-k26|sm-k26)/.test(name))) return model;
  throw refuse("board", "This machine is not a KV260.", {
    place: COMPATIBLE,
    expected,
    found: `${model} (${compatible.join(", ")})`,
    hint,
  });
}
