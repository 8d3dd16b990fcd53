/**
 * Prepared commands, kept as long as the bytes they came from are unchanged. Weights are decoded once per model, not
 * once per frame; a command is used again only after its 64 bytes and every byte of the image that went into it (stream,
 * parameters, tables) have been compared with what is in DDR now, so a rewritten image can never give stale results.
 */
import type { ProgramCycles } from "@sluice/sdk/compile";
import { COMMAND_BYTES, type Command, unpackCommand } from "@sluice/sdk/overlay";
import type { PreparedCommand } from "./commands/command-context.js";
import { prepareCommand } from "./commands/prepare.js";
import type { Engine } from "./engine.js";
import { OverlayFault } from "./fault.js";
import { ImageReader } from "./image-reader.js";
import type { EmulatorMemory } from "./memory.js";
import { WeightDecoders } from "./weight-decoders.js";

/** Beyond this the cache starts over: two large models in turn, or a program that rewrites its own weights. */
const LARGEST_CACHE_BYTES = 256 * 2 ** 20;

interface CacheEntry {
  readonly prepared: PreparedCommand;
  readonly image: ImageReader;
}

/** What a run wants to know about the whole program before it starts. */
export interface ProgramOutline {
  readonly cycles: ProgramCycles;
  /** Ids of the weight codecs its commands name. */
  readonly codecs: ReadonlySet<number>;
}

export class ProgramCache {
  readonly #memory: EmulatorMemory;
  readonly #engine: Engine;
  readonly #entries = new Map<string, CacheEntry>();
  #outline?: { readonly bytes: Uint8Array; readonly outline: ProgramOutline };
  #decoders = new WeightDecoders(new Uint8Array(0));

  constructor(memory: EmulatorMemory, engine: Engine) {
    this.#memory = memory;
    this.#engine = engine;
  }

  /** Called at START. Tables other than the last ones make every decoded stream doubtful. */
  useTables(tables: Uint8Array): WeightDecoders {
    if (!this.#decoders.hasTables(tables)) {
      this.clear();
      this.#decoders = new WeightDecoders(tables.slice());
    }
    return this.#decoders;
  }

  /** @param bytes the program, or as much of it as there is */
  outline(bytes: Uint8Array, charge: (program: readonly Command[]) => ProgramCycles): ProgramOutline {
    if (this.#outline && Buffer.compare(this.#outline.bytes, bytes) === 0) return this.#outline.outline;
    const program = readableCommands(bytes);
    // Nothing in common with the last program: another model.
    const known = program.some((_, index) => this.#entries.has(keyOf(commandAt(bytes, index))));
    if (!known) this.clear();
    const codecs = new Set(program.flatMap((command) => ("codec" in command ? [command.codec] : [])));
    const outline = { cycles: charge(program), codecs };
    this.#outline = { bytes: bytes.slice(), outline };
    return outline;
  }

  clear(): void {
    this.#entries.clear();
    this.#engine.reset();
  }

  /** @param bytes the command's 64 bytes. @throws {OverlayFault} */
  prepare(bytes: Uint8Array, imageBase: number): PreparedCommand {
    const key = keyOf(bytes);
    const known = this.#entries.get(key);
    if (known?.image.stillHolds(imageBase)) return known.prepared;
    if (this.#engine.preparedBytes > LARGEST_CACHE_BYTES) this.clear();
    const image = new ImageReader(this.#memory, imageBase);
    const decoders = this.#decoders;
    const prepared = prepareCommand(decodeCommand(bytes), {
      engine: this.#engine,
      memory: this.#memory,
      image,
      decodeWeights: (codec, stream, layout) => decoders.decode(codec, stream, layout),
    });
    this.#entries.set(key, { prepared, image });
    return prepared;
  }
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, COMMAND_BYTES).toString("latin1");
}

function commandAt(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(index * COMMAND_BYTES, (index + 1) * COMMAND_BYTES);
}

/** The commands up to END, or up to the first one that cannot be read. */
function readableCommands(bytes: Uint8Array): Command[] {
  const program: Command[] = [];
  for (let index = 0; (index + 1) * COMMAND_BYTES <= bytes.length; index += 1) {
    try {
      program.push(decodeCommand(commandAt(bytes, index)));
    } catch (error) {
      if (error instanceof OverlayFault) break;
      throw error;
    }
    if (program[index].opcode === "END") break;
  }
  return program;
}

/** @throws {OverlayFault} BAD_COMMAND */
function decodeCommand(bytes: Uint8Array): Command {
  try {
    return unpackCommand(bytes, 0);
  } catch (error) {
    throw new OverlayFault("BAD_COMMAND", error instanceof Error ? error.message : String(error));
  }
}
