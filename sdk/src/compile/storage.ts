/**
 * Where tensors lie: creates activation buffers, reserves places inside the buffers of concatenations, and remembers
 * how each graph tensor can be read.
 */
import type { ConcatNode, Shape, TensorId, Window } from "../graph/types.js";
import { channelWords } from "../overlay/activation-layout.js";
import { codeOffset } from "../overlay/codes.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { type GraphIndex, refuse, tensorOf } from "./consumers.js";
import type { ActivationBuffer, Stored } from "./engine-layer.js";

/** A stored tensor, and the integers of the wanted one by code + 128 when it is not the wanted tensor itself. */
export interface Readable {
  readonly stored: Stored;
  readonly values?: Int32Array;
}

/** A member's place in a concatenation. */
export interface Place {
  readonly buffer: ActivationBuffer;
  readonly firstWord: number;
  readonly offset: number;
}

export class Storage {
  readonly buffers: ActivationBuffer[] = [];
  readonly #places = new Map<TensorId, Place>();
  readonly #concats = new Map<ConcatNode, Place>();
  readonly #readable = new Map<TensorId, Readable>();

  constructor(
    private readonly index: GraphIndex,
    private readonly geometry: OverlayGeometry,
  ) {
    // Last first, so that a concatenation inside another one finds its place there.
    for (const node of [...index.graph.nodes].reverse()) if (node.kind === "concat") this.#placeMembers(node);
  }

  place(tensor: TensorId): Place | undefined {
    return this.#places.get(tensor);
  }

  concatPlace(node: ConcatNode): Place {
    return this.#concats.get(node)!;
  }

  /** A new computed tensor, inside its concatenation if it has one. */
  create(tensorId: TensorId, shape: Shape): Stored {
    const tensor = tensorOf(this.index, tensorId);
    const place = this.#places.get(tensorId);
    if (place === undefined) {
      const buffer = this.buffer(tensor.name, shape, "computed");
      return { tensor, buffer, firstWord: 0, shape, offset: codeOffset(tensor) };
    }
    return { tensor, shape, ...place };
  }

  buffer(
    name: string,
    shape: Shape,
    origin: ActivationBuffer["origin"],
    taps?: { window: Window; padValue: number },
  ): ActivationBuffer {
    const [height, width, channels] = shape;
    const words = channelWords(channels, this.geometry);
    const buffer = { id: this.buffers.length, name, height, width, channels, words, origin, taps };
    this.buffers.push(buffer);
    return buffer;
  }

  bind(tensor: TensorId, readable: Readable): void {
    this.#readable.set(tensor, readable);
  }

  /** How a node reads its input. */
  read(tensor: TensorId): Readable {
    return this.#readable.get(tensor)!;
  }

  /** The tensor itself, for nodes that multiply or sum it. */
  readExact(tensor: TensorId): Stored {
    return this.#readable.get(tensor)!.stored;
  }

  #placeMembers(node: ConcatNode): void {
    const output = tensorOf(this.index, node.output);
    const own = this.#places.get(node.output) ?? {
      buffer: this.buffer(output.name, output.shape, "computed"),
      firstWord: 0,
      offset: codeOffset(output),
    };
    this.#concats.set(node, own);
    let channel = 0;
    for (const input of node.inputs) {
      if (channel % this.geometry.inputs !== 0) {
        refuse(
          "concat-alignment",
          node,
          "A concatenation's member does not start at a whole activation word.",
          {
            expected: `channel counts that are multiples of ${this.geometry.inputs} (all but the last)`,
            found: node.inputs.map((id) => tensorOf(this.index, id).shape[2]).join(" + "),
            hint: `Widen the branches to multiples of ${this.geometry.inputs} channels.`,
          },
        );
      }
      // A tensor that is concatenated twice keeps its first place and is copied into the other.
      if (!this.#places.has(input)) {
        const firstWord = own.firstWord + channel / this.geometry.inputs;
        this.#places.set(input, { buffer: own.buffer, firstWord, offset: own.offset });
      }
      channel += tensorOf(this.index, input).shape[2];
    }
  }
}
