/**
 * The functional model of the overlay: registers on one side, DDR on the other, and a program executed in between.
 * It has no clock and no threads. Whoever owns it calls `step()` while `busy`, so that a server in the same process
 * stays responsive and ABORT takes effect between two slices.
 *
 *   const emulator = new OverlayEmulator({ geometry: kv260Geometry, memory });
 *   emulator.writeRegister(registers.CONTROL.offset, control.START);
 *   while (emulator.busy) emulator.step();
 */
import { weightCodecs } from "@sluice/sdk/codec";
import { programCycles } from "@sluice/sdk/compile";
import {
  control,
  type OverlayGeometry,
  overlayErrors,
  type RegisterName,
  registers,
  status,
} from "@sluice/sdk/overlay";
import type { Engine } from "./engine.js";
import { fastestEngine } from "./fastest-engine.js";
import type { EmulatorMemory } from "./memory.js";
import { ProgramCache } from "./program-cache.js";
import { identityRegisters, RegisterFile, registerAt } from "./register-file.js";
import { type LayerReadout, OverlayRun } from "./run.js";

export interface EmulatorOptions {
  readonly geometry: OverlayGeometry;
  readonly memory: EmulatorMemory;
  /** Default: WASM SIMD where it runs and the geometry suits it, else plain TypeScript. */
  readonly engine?: Engine;
}

const WORD = 2 ** 32;

export class OverlayEmulator {
  readonly geometry: OverlayGeometry;
  readonly engine: Engine;
  /** Called when the interrupt line rises. */
  onInterrupt?: () => void;
  readonly #memory: EmulatorMemory;
  readonly #cache: ProgramCache;
  readonly #file = new RegisterFile();
  readonly #identity: Partial<Record<RegisterName, number>>;
  #run?: OverlayRun;
  #interrupt = 0;

  constructor(options: EmulatorOptions) {
    this.geometry = options.geometry;
    this.#memory = options.memory;
    this.engine = options.engine ?? fastestEngine(options.geometry);
    this.#cache = new ProgramCache(this.#memory, this.engine);
    this.#identity = identityRegisters(
      options.geometry,
      weightCodecs.map((codec) => codec.id),
    );
  }

  get busy(): boolean {
    return this.#run !== undefined && !this.#run.finished;
  }

  /** Why the last run failed, in words; for tests and logs. */
  get errorReason(): string {
    return this.#run?.errorReason ?? "";
  }

  /** Executes one slice of the run, a few milliseconds at most. Harmless when idle. */
  step(): void {
    if (!this.#run || this.#run.finished) return;
    this.#run.step();
    if (this.#run.finished) this.#raise();
  }

  /** Offsets that are no register read as 0. */
  readRegister(offset: number): number {
    const name = registerAt(offset);
    return name === undefined ? 0 : this.#value(name) >>> 0;
  }

  /** Writes to read-only registers and to offsets that are no register do nothing. */
  writeRegister(offset: number, value: number): void {
    const name = registerAt(offset);
    if (name === undefined) return;
    if (name === "CONTROL") this.#command(value);
    else if (name === "IRQ_STATUS") this.#interrupt &= ~value & 1;
    else if (registers[name].access === "rw") this.#file.set(name, value);
  }

  #command(value: number): void {
    if (value & control.ABORT) {
      if (this.#run && !this.#run.finished) {
        this.#run.abort();
        this.#raise();
      }
      return;
    }
    if (!(value & control.START) || this.busy) return;
    this.#run = new OverlayRun(this.#file.latch(), {
      engine: this.engine,
      memory: this.#memory,
      cache: this.#cache,
      charge: programCycles,
    });
  }

  #raise(): void {
    if ((this.#file.get("IRQ_ENABLE") & 1) === 0) return;
    this.#interrupt = 1;
    this.onInterrupt?.();
  }

  #value(name: RegisterName): number {
    const run = this.#run;
    switch (name) {
      case "STATUS":
        return this.#status();
      case "IRQ_STATUS":
        return this.#interrupt;
      case "IRQ_ENABLE":
        return this.#file.get(name) & 1;
      case "ERROR":
        return run?.error ?? overlayErrors.NONE;
      case "ERROR_COMMAND":
        return run?.errorCommand ?? 0;
      case "FRAMES_DONE":
        return run?.framesDone ?? 0;
      case "CYCLES_LO":
        return (run?.cycles ?? 0) % WORD;
      case "CYCLES_HI":
        return Math.floor((run?.cycles ?? 0) / WORD);
      case "STALL_WEIGHTS":
        return run?.stallWeights ?? 0;
      case "STALL_DATA":
        return run?.stallData ?? 0;
      case "WEIGHT_BEATS":
        return run?.weightBeats ?? 0;
      case "LAYER_CYCLES":
        return this.#layer()?.cycles ?? 0;
      case "LAYER_STALL_WEIGHTS":
        return this.#layer()?.stallWeights ?? 0;
      case "LAYER_WEIGHT_BEATS":
        return this.#layer()?.weightBeats ?? 0;
      case "LAYER_CRC0":
        return this.#layer()?.crc0 ?? 0;
      case "LAYER_CRC1":
        return this.#layer()?.crc1 ?? 0;
      default:
        return this.#identity[name] ?? this.#file.get(name);
    }
  }

  #status(): number {
    if (!this.#run) return 0;
    if (!this.#run.finished) return status.BUSY;
    return this.#run.error === overlayErrors.NONE ? status.DONE : status.ERROR;
  }

  #layer(): LayerReadout | undefined {
    return this.#run?.layers.get(this.#file.get("LAYER_SELECT"));
  }
}
