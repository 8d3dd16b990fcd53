import { weightCodecs } from "@sluice/sdk/codec";

/** The name users type; a codec that is newer than this runtime keeps its number. */
export function codecName(id: number): string {
  return weightCodecs.find((codec) => codec.id === id)?.name ?? `codec ${id}`;
}
