/** One command of the layer program, made ready to run. */
import type { Command } from "@sluice/sdk/overlay";
import { prepareAdd } from "./add.js";
import type { PrepareContext, PreparedCommand } from "./command-context.js";
import { prepareConv } from "./conv.js";
import { prepareDepthwise } from "./depthwise.js";
import { prepareLoad } from "./load.js";
import { preparePool } from "./pool.js";
import { prepareStore } from "./store.js";

/** @throws {OverlayFault} any code but ABORTED */
export function prepareCommand(command: Command, context: PrepareContext): PreparedCommand {
  switch (command.opcode) {
    case "LOAD":
      return prepareLoad(command, context);
    case "STORE":
      return prepareStore(command, context);
    case "CONV":
      return prepareConv(command, context);
    case "DEPTHWISE":
      return prepareDepthwise(command, context);
    case "POOL":
      return preparePool(command, context);
    case "ADD":
      return prepareAdd(command, context);
    case "END":
      return { command, outputs: [], slices: 0, run: () => undefined };
  }
}
