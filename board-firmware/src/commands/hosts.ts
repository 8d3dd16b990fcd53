/** `sluice-board hosts`: who is paired with the board; `--forget` takes a key away, which holds at once. */
import { Command } from "commander";
import { PairedHosts } from "../security/index.js";
import { reportBoardError } from "./report-error.js";

interface HostsOptions {
  readonly state?: string;
  readonly forget?: string;
  readonly json?: boolean;
}

export function hostsCommand(): Command {
  return new Command("hosts")
    .description("List the hosts that are paired with the board that runs on --state")
    .option("--state <dir>", "the board's folder of keys (default $STATE_DIRECTORY)")
    .option("--forget <host>", "forget this host, by id or name")
    .option("--json", "the list as JSON; keys are never printed")
    .addHelpText(
      "after",
      "\nExamples:\n  sluice board hosts --state /var/lib/sluice\n  sluice board hosts --state /var/lib/sluice --forget ada@bench",
    )
    .action((_options, command: Command) => {
      const options = command.optsWithGlobals<HostsOptions>();
      const { state = process.env.STATE_DIRECTORY } = options;
      if (state === undefined) return command.error("error: say which board with --state DIR");
      try {
        listHosts(state, options);
      } catch (error) {
        reportBoardError(error);
      }
    });
}

function listHosts(state: string, { forget, json }: HostsOptions): void {
  const paired = new PairedHosts(state);
  if (forget !== undefined) {
    const count = paired.forget(forget);
    process.stdout.write(count > 0 ? `forgot ${forget}\n` : `no host is called ${forget}\n`);
    if (count === 0) process.exitCode = 1;
    return;
  }
  const hosts = paired.list().map(({ id, name, pairedAt }) => ({ id, name, pairedAt }));
  if (json) process.stdout.write(`${JSON.stringify({ hosts }, null, 2)}\n`);
  else if (hosts.length === 0) process.stdout.write("no host is paired\n");
  else for (const { id, name, pairedAt } of hosts) process.stdout.write(`${id}  ${pairedAt}  ${name}\n`);
}
