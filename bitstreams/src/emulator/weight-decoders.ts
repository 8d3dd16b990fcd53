/** The weight decoders of one run: tables are read at START, streams when a command is prepared. */
import { codecById } from "@sluice/sdk/codec";
import { deflateCodec } from "@sluice/sdk/codec/deflate.js";
import { rawCodec } from "@sluice/sdk/codec/raw.js";
import type { WeightDecoder, WeightLayout } from "@sluice/sdk/codec/types.js";
import { CodecError } from "@sluice/sdk/errors.js";
import { OverlayFault } from "./fault.js";

/** These read no tables, so a program may use them beside a codec that does (a small layer falls back to raw). */
const withoutTables: ReadonlySet<number> = new Set([rawCodec.id, deflateCodec.id]);
const noTables = new Uint8Array(0);

export class WeightDecoders {
  readonly #tables: Uint8Array;
  readonly #decoders = new Map<number, WeightDecoder>();

  /** @param tables a copy this object may keep */
  constructor(tables: Uint8Array) {
    this.#tables = tables;
  }

  hasTables(tables: Uint8Array): boolean {
    return Buffer.compare(tables, this.#tables) === 0;
  }

  /** Reads the tables for a codec. @throws {OverlayFault} UNSUPPORTED_CODEC, TABLES */
  open(id: number): WeightDecoder {
    const known = this.#decoders.get(id);
    if (known) return known;
    let codec: ReturnType<typeof codecById>;
    try {
      codec = codecById(id);
    } catch (error) {
      throw new OverlayFault("UNSUPPORTED_CODEC", reasonOf(error));
    }
    try {
      const decoder = codec.openDecoder(withoutTables.has(id) ? noTables : this.#tables);
      this.#decoders.set(id, decoder);
      return decoder;
    } catch (error) {
      throw new OverlayFault("TABLES", reasonOf(error));
    }
  }

  /** @throws {OverlayFault} UNSUPPORTED_CODEC, TABLES, WEIGHT_STREAM */
  decode(id: number, stream: Uint8Array, layout: WeightLayout): Int8Array {
    const decoder = this.open(id);
    try {
      return decoder.decode(stream, layout);
    } catch (error) {
      throw new OverlayFault("WEIGHT_STREAM", reasonOf(error));
    }
  }
}

/** Hardware has no other word for it: whatever a decoder throws means that it could not make sense of its bytes. */
function reasonOf(error: unknown): string {
  if (error instanceof CodecError) return `${error.code}: ${error.message}`;
  return String(error);
}
