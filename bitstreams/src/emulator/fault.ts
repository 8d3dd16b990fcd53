/**
 * Why a run stopped. Thrown while a command is prepared or executed and caught by the run loop, which turns it into the
 * ERROR and ERROR_COMMAND registers; it never leaves the emulator.
 */
import { type OverlayErrorName, overlayErrors } from "@sluice/sdk/overlay";

export class OverlayFault extends Error {
  readonly code: number;

  constructor(name: OverlayErrorName, reason: string) {
    super(reason);
    this.name = "OverlayFault";
    this.code = overlayErrors[name];
  }
}

/** Refuses a command whose fields contradict each other. */
export function requireCommand(holds: boolean, reason: string): asserts holds {
  if (!holds) throw new OverlayFault("BAD_COMMAND", reason);
}
