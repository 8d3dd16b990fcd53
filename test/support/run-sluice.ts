/** Runs the real command in a process of its own, as a user would. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const binary = fileURLToPath(new URL("../../host-agent/bin/sluice.js", import.meta.url));

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function runSluice(
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const limits = { timeout: 120_000, maxBuffer: 64 * 1024 * 1024, cwd: options.cwd };
    execFile(process.execPath, [binary, ...args], limits, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 255;
      resolve({ code, stdout, stderr });
    });
  });
}
