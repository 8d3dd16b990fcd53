/** Starting the overlay, waiting for it with a deadline, and turning what it reports into errors. */
import { DeviceError } from "@sluice/sdk/errors.js";
import { type Command, control, overlayErrors, status } from "@sluice/sdk/overlay";
import type { OverlayDevice } from "../device/overlay-device.js";
import { dumpRegisters, readNamed, writeNamed } from "./register-access.js";

const ABORT_POLLS = 50;
const ABORT_POLL_MS = 10;

/** What an error means and what a person can do about it, per value of the ERROR register. */
const advice: Record<number, readonly [meaning: string, hint: string]> = {
  [overlayErrors.BAD_COMMAND]: ["a command is not defined", "Pack the model again with this release."],
  [overlayErrors.ACTIVATION_RANGE]: [
    "a tensor lies outside the activation memory",
    "Pack the model for the geometry this board reports.",
  ],
  [overlayErrors.WEIGHT_RANGE]: [
    "a weight tile does not fit into the tile buffer",
    "Pack the model for the geometry this board reports.",
  ],
  [overlayErrors.WEIGHT_STREAM]: [
    "a weight stream is damaged",
    "Deploy again. If it happens again, suspect the board's memory or its cache maintenance.",
  ],
  [overlayErrors.UNSUPPORTED_CODEC]: [
    "the overlay has no decoder for the codec",
    "Pack the model with a codec the overlay has (--codec raw always works).",
  ],
  [overlayErrors.MEMORY]: [
    "a DDR access failed or left its buffer",
    "Check the memory reserved for the overlay on the board, then deploy again.",
  ],
  [overlayErrors.ABORTED]: ["the run was stopped", "Start it again."],
  [overlayErrors.TABLES]: ["the codec's tables are damaged", "Deploy again."],
};

function errorName(code: number): string {
  const found = Object.entries(overlayErrors).find(([, value]) => value === code);
  return found ? found[0] : `code ${code}`;
}

/** @returns the error the ERROR register describes. */
export function overlayFailure(
  device: OverlayDevice,
  program: readonly Command[],
  layerNames: readonly string[],
): DeviceError {
  const code = readNamed(device, "ERROR");
  const index = readNamed(device, "ERROR_COMMAND");
  const command = program[index];
  const [meaning, hint] = advice[code] ?? ["the reason is unknown to this release", "Update the runtime."];
  const layer = command !== undefined && "layer" in command ? command.layer : undefined;
  const layerName = layer === undefined ? undefined : layerNames[layer];
  const where = [`command ${index}`];
  if (command) where.push(command.opcode);
  if (layer !== undefined) where.push(layerName === undefined ? `layer ${layer}` : `layer "${layerName}"`);
  return new DeviceError(
    code === overlayErrors.ABORTED ? "aborted" : "overlay-error",
    `The overlay stopped: ${meaning}.`,
    {
      place: where.join(", "),
      expected: "STATUS.DONE",
      found: `ERROR = ${errorName(code)}`,
      hint,
      details: {
        overlayError: errorName(code),
        code,
        command: index,
        layer,
        layerName,
        framesDone: readNamed(device, "FRAMES_DONE"),
      },
    },
  );
}

/** How long a run of `frames` may take before it counts as hung. */
export function deadlineFor(
  device: OverlayDevice,
  cyclesPerFrame: number,
  frames: number,
  floorMs: number,
): number {
  const modelMs = (cyclesPerFrame * frames) / (device.geometry.clockMHz * 1000);
  // Four times the model: DDR contention on a busy board, or a busy machine under an emulated one.
  return floorMs + 4 * modelMs * device.slowdown;
}

export interface WaitRequest {
  readonly deadlineMs: number;
  readonly program: readonly Command[];
  readonly layerNames: readonly string[];
  readonly signal?: AbortSignal;
}

/** Starts the program the registers describe and resolves when it is done, or rejects with what went wrong. */
export async function startAndWait(device: OverlayDevice, request: WaitRequest): Promise<void> {
  const abort = () => writeNamed(device, "CONTROL", control.ABORT);
  if (request.signal?.aborted) throw aborted();
  if (readNamed(device, "STATUS") & status.BUSY) {
    throw new DeviceError("still-busy", "The overlay still runs an earlier program and cannot be started.", {
      place: "register STATUS",
      expected: "BUSY clear",
      found: "BUSY set",
      hint: "It did not obey ABORT: load the overlay's bitstream again.",
      details: { registers: dumpRegisters(device) },
    });
  }
  writeNamed(device, "IRQ_STATUS", 1);
  writeNamed(device, "IRQ_ENABLE", 1);
  writeNamed(device, "CONTROL", control.START);
  request.signal?.addEventListener("abort", abort, { once: true });
  try {
    await device.waitForInterrupt(request.deadlineMs);
  } catch (cause) {
    if (!(cause instanceof DeviceError) || cause.code !== "interrupt-timeout") throw cause;
    const registers = dumpRegisters(device);
    abort();
    const stopped = await becomesIdle(device);
    throw new DeviceError("deadline", "The overlay did not finish in time and was told to stop.", {
      place: `command program of ${request.program.length} commands`,
      expected: `an interrupt within ${Math.round(request.deadlineMs)} ms`,
      found: `STATUS = ${registers.STATUS}, FRAMES_DONE = ${registers.FRAMES_DONE}`,
      hint: stopped
        ? "Run `sluice-board doctor` on the board; if the clock and the overlay are right, raise the deadline."
        : "It did not even obey ABORT, so the board loads its bitstream again.",
      details: { registers, deadlineMs: request.deadlineMs, stopped },
      cause,
    });
  } finally {
    request.signal?.removeEventListener("abort", abort);
  }
  const state = readNamed(device, "STATUS");
  writeNamed(device, "IRQ_STATUS", 1);
  if (state & status.ERROR) throw overlayFailure(device, request.program, request.layerNames);
  if (!(state & status.DONE)) {
    throw new DeviceError(
      "spurious-interrupt",
      "The overlay interrupted, but it is neither done nor failed.",
      {
        place: "register STATUS",
        expected: "DONE or ERROR",
        found: `0x${state.toString(16)}`,
        hint: "Check the interrupt number in the overlay's manifest.",
        details: { registers: dumpRegisters(device) },
      },
    );
  }
}

/** Did the overlay keep running although it was told to stop? Only loading its bitstream again helps then. */
export function overlayIsStuck(error: unknown): boolean {
  if (!(error instanceof DeviceError)) return false;
  if (error.code === "still-busy") return true;
  if (error.code === "deadline" && error.details.stopped === false) return true;
  return overlayIsStuck(error.cause);
}

/** Buffers must not be given back while the overlay may still write to them, so ABORT gets a moment to work. */
async function becomesIdle(device: OverlayDevice): Promise<boolean> {
  for (let poll = 0; poll < ABORT_POLLS; poll += 1) {
    if (!(readNamed(device, "STATUS") & status.BUSY)) return true;
    await new Promise((resolve) => setTimeout(resolve, ABORT_POLL_MS));
  }
  return false;
}

function aborted(): DeviceError {
  return new DeviceError("aborted", "The run was stopped before it started.", { hint: "Start it again." });
}
