/** The command line of the board runtime; `sluice board` and the board's own `sluice-board` are this command. */
import { readFileSync } from "node:fs";
import { SecurityError, TransportError } from "@sluice/sdk/errors.js";
import { readSignerKey } from "@sluice/sdk/package";
import { Command, Option } from "commander";
import { doctorCommand } from "./commands/doctor.js";
import { hostsCommand } from "./commands/hosts.js";
import { pairCommand } from "./commands/pair.js";
import { readParentKey } from "./commands/parent-key.js";
import { reportBoardError } from "./commands/report-error.js";
import { type BoardRuntime, type BoardRuntimeOptions, runBoard } from "./main.js";
import { DEFAULT_TCP_PORT, parseSerialAddress, parseTcpAddress } from "./transport/index.js";
import {
  addFaultOptions,
  asksForFaultList,
  type FaultOptions,
  faultListing,
  faultPlanOf,
} from "./twin/fault-options.js";

interface CommandOptions extends FaultOptions {
  readonly device: string;
  readonly geometry?: string;
  readonly name?: string;
  readonly tcp?: string | boolean;
  readonly serial?: readonly string[];
  readonly store?: string;
  readonly storeBytes?: string;
  readonly log: string;
  readonly announce?: boolean;
  readonly withParent?: boolean;
  readonly keyFromStdin?: boolean;
  readonly state?: string;
  readonly insecure?: boolean;
  readonly requireSignature?: readonly string[];
  readonly loader?: string;
  readonly overlay?: string;
  readonly root?: string;
  readonly retryDevice?: boolean;
  readonly deadlineFloor?: string;
}

const examples = `
Examples:
  sluice board                              an emulated board on ${`127.0.0.1:${DEFAULT_TCP_PORT}`}
  sluice board --tcp 127.0.0.1:0            the same on any free port; the ready line says which
  sluice board --serial /dev/ttyPS0:921600 --state /var/lib/sluice
                                            on a serial port only, for paired hosts; with --tcp on both
  sluice board --tcp 0.0.0.0 --state /var/lib/sluice --store /var/lib/sluice/store
  sluice board --fault bit-flip-weights@2   an emulated board whose second run meets a flipped bit
  sluice board --require-signature release.pub  only what was signed with release.key (sluice sign)
  sluice board pair --state /var/lib/sluice     a one-time code for one more host
  sluice board hosts --state /var/lib/sluice    the hosts that are paired

Without --state a board serves everyone who reaches it, and only from this machine.
`;

export function boardCommand(name = "board"): Command {
  const command = new Command(name)
    .description(
      "Serve a board: this machine's KV260 overlay, or an emulated one, to hosts on serial and TCP.",
    )
    .option("--device <name>", "what runs the overlay: emulated, rtl, kv260", "emulated")
    .option("--geometry <id>", "overlay geometry (default: the KV260 build)")
    .option("--name <name>", "what hosts call this board")
    .option("--tcp [host:port]", `listen on TCP (default 127.0.0.1:${DEFAULT_TCP_PORT}; port 0 = any)`)
    .option("--serial <port...>", "serve serial ports, PATH or PATH:BAUD (default 115200 baud)")
    .option("--state <dir>", "keep the keys of paired hosts here, and serve only those")
    .option("--insecure", "serve everyone who reaches the board, also from other machines")
    .option(
      "--require-signature <key...>",
      "install only packages signed with one of these keys (.pub files)",
    )
    .option("--announce", "let hosts find this board on the local network (multicast DNS)")
    .option("--store <dir>", "keep uploaded sections here (default: a temporary directory)")
    .option("--store-bytes <n>", "most bytes the store may take (default 1 GiB)")
    .option("--log <level>", "trace, debug, info, warn, error or silent, to standard error", "warn")
    .addOption(
      new Option("--loader <name>", "kv260: who programs the fabric")
        .choices(["fpga-manager", "xmutil"])
        .default("fpga-manager"),
    )
    .option("--overlay <dir>", "kv260: the overlay's folder (default /usr/share/sluice/overlays/<geometry>)")
    .addOption(new Option("--root <dir>", "kv260: a directory that stands for /").hideHelp())
    .option("--retry-device", "serve even while the device cannot be opened, and try again when a host asks")
    .addOption(new Option("--deadline-floor <ms>", "least time a run may take").hideHelp())
    .option("--with-parent", "end when standard input closes (for a parent process)")
    .addOption(new Option("--key-from-stdin", "take the key of the only host from standard input").hideHelp())
    .addCommand(doctorCommand())
    .addCommand(pairCommand())
    .addCommand(hostsCommand())
    .addHelpText("after", examples)
    .action(serve);
  return addFaultOptions(command);
}

async function serve(options: CommandOptions): Promise<void> {
  if (asksForFaultList(options)) {
    process.stdout.write(faultListing());
    return;
  }
  let board: BoardRuntime;
  try {
    const access = options.keyFromStdin ? await readParentKey(process.stdin) : undefined;
    board = await runBoard({ ...runtimeOptions(options), access, onPairingCode: showCode });
  } catch (error) {
    process.stdin.destroy();
    reportBoardError(error);
    return;
  }
  process.stdout.write(`${JSON.stringify(board.ready)}\n`);
  const manager = await openServiceManager();
  manager?.ready();
  await untilToldToStop(options.withParent === true);
  manager?.stopping();
  await board.close();
  process.stdin.destroy();
}

function showCode(code: string): void {
  process.stderr.write(
    `sluice board: no host is paired with this board yet. On the host:\n  sluice pair --link LINK --code ${code}\n`,
  );
}

/** koffi only where somebody listens. */
async function openServiceManager() {
  if (!process.env.NOTIFY_SOCKET) return undefined;
  return (await import("./service/index.js")).serviceManager();
}

function runtimeOptions(options: CommandOptions): BoardRuntimeOptions {
  const { device, geometry, name, store, log, state, insecure } = options;
  const serial = options.serial?.map(parseSerialAddress);
  return {
    device,
    deviceOptions: {
      root: options.root,
      folder: options.overlay,
      method: options.loader === "xmutil" ? "xmutil" : "fpga-manager",
    },
    geometry,
    name,
    store,
    state,
    insecure,
    trustedSigners: options.requireSignature?.map(readSignerFile),
    storeBytes: wholeNumber("--store-bytes", options.storeBytes),
    retryDevice: options.retryDevice,
    deadlineFloorMs: wholeNumber("--deadline-floor", options.deadlineFloor),
    faults: faultPlanOf(options),
    logLevel: log,
    announce: options.announce,
    serial,
    // TCP is what there is to connect to unless only serial was asked for.
    tcp:
      typeof options.tcp === "string"
        ? parseTcpAddress(options.tcp)
        : serial && !options.tcp
          ? undefined
          : {},
  };
}

function readSignerFile(path: string): Uint8Array {
  let pem: string;
  try {
    pem = readFileSync(path, "utf8");
  } catch (cause) {
    throw new SecurityError("bad-key", "A key of --require-signature cannot be read.", {
      place: path,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "Name the .pub file that `sluice keygen` wrote.",
      cause,
    });
  }
  return readSignerKey(pem, path);
}

function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new TransportError("bad-option", `${option} wants a whole number above zero.`, { found: text });
}

/** Resolves at SIGINT, SIGTERM, or when the parent is gone. */
function untilToldToStop(withParent: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
    if (!withParent) return;
    // A parent that dies in any way, SIGKILL included, closes the pipe.
    process.stdin.resume();
    process.stdin.once("end", resolve);
    process.stdin.once("error", resolve);
  });
}
