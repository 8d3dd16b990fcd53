/** Part of the cycle model (cycles.ts): when a command's output and addend tables are there. */
import type { OverlayGeometry } from "../overlay/geometry.js";
import type { Command, ComputeCommand } from "../overlay/program.js";

/** Cycles from the end of a command to the point where the next one needs its tables. */
const TABLES_NEEDED = 5;
/** Beats of 16 bytes: an output table of 512 entries, the two addend tables. */
const OUTPUT_TABLE_BEATS = 32;
const ADDEND_BEATS = 128;
/** Cycles a beat of tables takes to be written, 4 bytes at a time. */
const TABLE_BEAT_CYCLES = 4;

/**
 * When the tables of a command are there: they are fetched when the command before it begins, or the one before that if it
 * needs no tables itself.
 */
export class TableFetch {
  readonly #latency: number;
  /** When the last commands ended, newest first, and whether the last but one and the last had tables. */
  #ends: readonly number[];
  #hadTables = [false, false];

  /** @param begin cycle of the first command */
  constructor({ memoryLatency }: OverlayGeometry, begin: number) {
    this.#latency = memoryLatency;
    this.#ends = [begin, begin, begin];
  }

  /** Cycles the command waits for its tables when the one before ended at `now`. */
  wait(command: ComputeCommand, now: number): number {
    const beats = tableBeats(command);
    const begin = this.#ends[this.#hadTables[1] ? 1 : 2];
    return beats === 0
      ? 0
      : Math.max(0, begin + this.#latency + beats * TABLE_BEAT_CYCLES - (now + TABLES_NEEDED));
  }

  /** A command of any kind has ended. */
  left(now: number, command: Command): void {
    const hasTables = "clampMin" in command && tableBeats(command) > 0;
    this.#ends = [now, ...this.#ends.slice(0, 2)];
    this.#hadTables = [hasTables, this.#hadTables[0]];
  }
}

function tableBeats(command: ComputeCommand): number {
  const entries = command.clampMax - command.clampMin + 1;
  const table = Math.min(OUTPUT_TABLE_BEATS, Math.ceil(entries / 16));
  const outputs = (command.tableEnable0 ? table : 0) + (command.tableEnable1 ? table : 0);
  return outputs + (command.opcode === "ADD" ? ADDEND_BEATS : 0);
}
