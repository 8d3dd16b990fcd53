/**
 * The vendor's way: files in /lib/firmware/xilinx/APP and `xmutil`. Its errors say next to nothing ("error: 1"), so that
 * every one carries what the kernel logged meanwhile.
 */
import { execFile } from "node:child_process";
import type { BoardFiles } from "../board-files/index.js";
import { refuse } from "./gates.js";
import { excerptSince } from "./kernel-log.js";

const XMUTIL_PLACES = ["/usr/bin/xmutil", "/usr/local/bin/xmutil"];
const DEADLINE_MS = 30_000;
const SHELL = { shell_type: "XRT_FLAT", num_slots: "1" };

export interface VendorApp {
  readonly name: string;
  readonly image: Uint8Array;
  readonly dtbo: Uint8Array;
}

export function findXmutil(files: BoardFiles): string | undefined {
  return XMUTIL_PLACES.find((path) => files.exists(path));
}

/** Writes the three files xmutil wants. @throws {LoaderError} */
export function installApp(files: BoardFiles, app: VendorApp): void {
  const folder = `/lib/firmware/xilinx/${app.name}`;
  files.place(`${folder}/${app.name}.bit.bin`, app.image);
  files.place(`${folder}/${app.name}.dtbo`, app.dtbo);
  files.place(`${folder}/shell.json`, `${JSON.stringify(SHELL)}\n`);
}

/** Unloads whatever app is there, then loads this one. @returns what xmutil said */
export async function loadApp(files: BoardFiles, name: string, mark: number): Promise<string> {
  await runXmutil(files, ["unloadapp"]); // fails when nothing is loaded, which is as good
  const { ok, said } = await runXmutil(files, ["loadapp", name]);
  if (ok && !/\berror\b|fail/i.test(said)) return said;
  throw refuse("program", "xmutil did not load the overlay.", {
    place: `xmutil loadapp ${name}`,
    expected: "the app loaded",
    found: said || "no word",
    hint: "xmutil does not say why; the kernel log in the details does. `xmutil listapps` shows what it sees.",
    details: { said, kernelLog: excerptSince(files, mark) },
  });
}

export async function unloadApp(files: BoardFiles): Promise<string> {
  return (await runXmutil(files, ["unloadapp"])).said;
}

function runXmutil(files: BoardFiles, words: readonly string[]): Promise<{ ok: boolean; said: string }> {
  const path = findXmutil(files);
  if (path === undefined) {
    throw refuse("program", "xmutil is not installed on this machine.", {
      place: XMUTIL_PLACES.join(", "),
      expected: "the vendor's xmutil",
      found: "none",
      hint: "Load through fpga_manager instead (the default), or install the board's vendor packages.",
    });
  }
  return new Promise((resolve) => {
    const options = { timeout: DEADLINE_MS, maxBuffer: 2 ** 20, encoding: "utf8" as const };
    execFile(files.locate(path), [...words], options, (error, stdout, stderr) => {
      const late = error?.killed ? `(no end within ${DEADLINE_MS / 1000} s) ` : "";
      resolve({ ok: error === null, said: `${late}${stdout}${stderr}`.trim() });
    });
  });
}
