/** Every codec the deployer and the decoders know, by name and by the id that commands carry. */
import { CodecError } from "../errors.js";
import { ansCodec } from "./ans/index.js";
import { deflateCodec } from "./deflate.js";
import { huffmanCodec } from "./huffman.js";
import { rangeCodec } from "./range-coder.js";
import { rawCodec } from "./raw.js";
import { riceCodec } from "./rice/codec.js";
import type { WeightCodec } from "./types.js";

/** What an overlay may decode; its CAPABILITY register says which it does. */
export const weightCodecs: readonly WeightCodec[] = [rawCodec, deflateCodec, ansCodec];

/** Methods from the literature behind the same interface, for reports and comparisons on the host. */
export const comparisonCodecs: readonly WeightCodec[] = [huffmanCodec, rangeCodec, riceCodec];

/** What `deploy` uses unless told otherwise. */
export const defaultCodec: WeightCodec = ansCodec;

export function codecByName(name: string): WeightCodec {
  const codec = weightCodecs.find((candidate) => candidate.name === name);
  if (codec) return codec;
  throw new CodecError("unknown-codec", `There is no weight codec called "${name}".`, {
    expected: weightCodecs.map((candidate) => candidate.name).join(", "),
    found: name,
    hint: "Choose one of the names above with --codec.",
  });
}

/** How a model's weights are coded: its codec, and those a layer may use instead where they make it smaller. */
export interface CodecChoice {
  readonly codec: WeightCodec;
  /** Besides stored weights, which every overlay takes. */
  readonly fallbacks: readonly WeightCodec[];
}

/**
 * `ans`, or `ans,deflate`: the codec, then any fallbacks.
 * @throws {CodecError} `unknown-codec`; `codec-tables` when a fallback has tables, which only the main codec may
 */
export function codecChoice(names: string): CodecChoice {
  const [codec, ...fallbacks] = names.split(",").map((name) => codecByName(name.trim()));
  if (fallbacks.includes(ansCodec)) {
    throw new CodecError("codec-tables", `The codec "${ansCodec.name}" cannot be a fallback.`, {
      expected: "the codec that has tables first, then codecs without",
      found: names,
      hint: `Write ${[ansCodec, ...fallbacks.filter((other) => other !== ansCodec)].map(({ name }) => name).join(",")}.`,
    });
  }
  return { codec, fallbacks };
}

export function codecById(id: number): WeightCodec {
  const codec = weightCodecs.find((candidate) => candidate.id === id);
  if (codec) return codec;
  throw new CodecError("unknown-codec", `Weight codec ${id} is unknown to this version.`, {
    expected: weightCodecs.map((candidate) => `${candidate.id} (${candidate.name})`).join(", "),
    found: String(id),
    hint: "The package was made by a newer version: update the runtime, or pack it again with --codec deflate.",
  });
}
