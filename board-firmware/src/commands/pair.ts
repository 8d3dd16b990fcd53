/** `sluice-board pair`: a one-time code for one more host, printed where whoever owns the board can read it. */
import { Command } from "commander";
import { PairedHosts } from "../security/index.js";
import { reportBoardError } from "./report-error.js";

const VALID_MINUTES = 10;

export function pairCommand(): Command {
  return new Command("pair")
    .description("Print a one-time code that pairs one host with the board that runs on --state")
    .option("--state <dir>", "the board's folder of keys (default $STATE_DIRECTORY)")
    .addHelpText("after", "\nExample:\n  sluice board pair --state /var/lib/sluice")
    .action((_options, command: Command) => {
      const { state = process.env.STATE_DIRECTORY } = command.optsWithGlobals<{ state?: string }>();
      if (state === undefined) return command.error("error: say which board with --state DIR");
      try {
        const code = new PairedHosts(state).offerCode(VALID_MINUTES * 60_000);
        process.stdout.write(
          `${code}\n\nFor one try within ${VALID_MINUTES} minutes. On the host:\n  sluice pair --link LINK --code ${code}\n`,
        );
      } catch (error) {
        reportBoardError(error);
      }
    });
}
