/** Builds small DDR images by hand: pieces at aligned offsets, then the program, then the plan that names them. */
import { codecById, type LayerWeights, type WeightLayout } from "@sluice/sdk/codec";
import type { ImageSection, RunPlan } from "@sluice/sdk/compile";
import {
  type ChannelParameters,
  COMMAND_BYTES,
  type Command,
  decoderLimits,
  OVERLAY_VERSION,
  type OverlayGeometry,
  packChannelParameters,
  packCommands,
} from "@sluice/sdk/overlay";

const ALIGNMENT = 64;

export interface BuiltProgram {
  readonly plan: RunPlan;
  readonly sections: readonly ImageSection[];
  readonly commands: readonly Command[];
  /** The whole image, for interpreters. */
  readonly image: Uint8Array;
  readonly tables: Uint8Array;
}

export class ImageBuilder {
  readonly geometry: OverlayGeometry;
  readonly #sections: ImageSection[] = [];
  #end = 0;
  #tables: { offset: number; bytes: Uint8Array } = { offset: 0, bytes: new Uint8Array(0) };

  constructor(geometry: OverlayGeometry) {
    this.geometry = geometry;
  }

  /** Byte offset in the image. */
  place(bytes: Uint8Array, kind: ImageSection["kind"] = "parameters"): number {
    const offset = this.#end;
    this.#sections.push({ kind, name: `${kind} ${this.#sections.length}`, offset, bytes });
    this.#end += Math.max(1, Math.ceil(bytes.length / ALIGNMENT)) * ALIGNMENT;
    return offset;
  }

  parameters(channels: readonly ChannelParameters[]): number {
    return this.place(packChannelParameters(channels));
  }

  int32(values: ArrayLike<number>): number {
    const view = new DataView(new ArrayBuffer(values.length * 4));
    for (let index = 0; index < values.length; index += 1) view.setInt32(index * 4, values[index], true);
    return this.place(new Uint8Array(view.buffer));
  }

  /** Encodes layers with one codec and places tables and streams; one stream per layer, in order. */
  weights(codecId: number, layers: readonly LayerWeights[]): { offset: number; byteLength: number }[] {
    const { tables, streams } = codecById(codecId).encode(layers, { limits: decoderLimits(this.geometry) });
    if (tables.length > 0) this.#tables = { offset: this.place(tables, "tables"), bytes: tables };
    return streams.map((stream) => ({ offset: this.place(stream, "weights"), byteLength: stream.length }));
  }

  oneLayer(codecId: number, layout: WeightLayout, weights: Int8Array) {
    return this.weights(codecId, [{ name: "layer", layout, weights }])[0];
  }

  build(
    commands: readonly Command[],
    frames: { inputBytes: number; outputBytes: number; scratchBytes?: number },
  ): BuiltProgram {
    const program = packCommands(commands);
    const commandOffset = this.place(program, "program");
    const layers = commands.flatMap((command) => ("layer" in command ? [command.layer] : []));
    const plan: RunPlan = {
      geometry: this.geometry.id,
      overlayVersion: OVERLAY_VERSION,
      imageBytes: this.#end,
      commandOffset,
      commandCount: program.length / COMMAND_BYTES,
      tablesOffset: this.#tables.offset,
      tablesBytes: this.#tables.bytes.length,
      inputFrameBytes: Math.ceil(frames.inputBytes / ALIGNMENT) * ALIGNMENT,
      outputFrameBytes: frames.outputBytes,
      scratchBytes: frames.scratchBytes ?? 0,
      layerCount: Math.max(0, ...layers) + 1,
      cyclesPerFrame: 100_000,
    };
    const image = new Uint8Array(this.#end);
    for (const { offset, bytes } of this.#sections) image.set(bytes, offset);
    return { plan, sections: this.#sections, commands, image, tables: this.#tables.bytes };
  }
}
