/**
 * Where tensors lie: creates activation buffers, reserves places inside the buffers of concatenations, and remembers
 * how each graph tensor can be read.
 */
import type { ConcatNode, Shape, TensorId, Window } from "../graph/types.js";
import { channelWords } from "../overlay/activation-layout.js";
import { codeOffset } from "../overlay/codes.js";
import type { OverlayGeometry } from "../overlay/geometry.js";
import { type GraphIndex, tensorOf } from "./consumers.js";
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

/** Where the members of a concatenation begin; `gathered` when they leave holes between them. */
export interface ConcatPlace extends Place {
  readonly gathered: boolean;
}

export class Storage {
  readonly buffers: ActivationBuffer[] = [];
  readonly #places = new Map<TensorId, Place>();
  readonly #concats = new Map<ConcatNode, ConcatPlace>();
  readonly #readable = new Map<TensorId, Readable>();

  constructor(
    private readonly index: GraphIndex,
    private readonly geometry: OverlayGeometry,
    /** LOAD may expand the windows of a first layer with few channels. */
    readonly expandsWindows: boolean,
  ) {
    // Last first, so that a concatenation inside another one finds its place there.
    for (const node of [...index.graph.nodes].reverse()) if (node.kind === "concat") this.#placeMembers(node);
  }

  place(tensor: TensorId): Place | undefined {
    return this.#places.get(tensor);
  }

  concatPlace(node: ConcatNode): ConcatPlace {
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
    const [height, width] = output.shape;
    const { inputs: perWord } = this.geometry;
    const channels = node.inputs.map((id) => tensorOf(this.index, id).shape[2]);
    const gathered = channels.slice(0, -1).some((count) => count % perWord !== 0);
    const words = channels.map((count) => channelWords(count, this.geometry));
    const total = words.reduce((sum, count) => sum + count, 0);
    // A concatenation with holes cannot lie inside another one: the gathered tensor does.
    const outer = gathered ? undefined : this.#places.get(node.output);
    const held = gathered ? total * perWord : output.shape[2];
    const own = {
      buffer: outer?.buffer ?? this.buffer(`${output.name} (members)`, [height, width, held], "computed"),
      firstWord: outer?.firstWord ?? 0,
      offset: outer?.offset ?? codeOffset(output),
    };
    this.#concats.set(node, { ...own, gathered });
    let word = own.firstWord;
    node.inputs.forEach((input, member) => {
      // A tensor that is concatenated twice keeps its first place and is copied into the other.
      if (!this.#places.has(input)) this.#places.set(input, { ...own, firstWord: word });
      word += words[member];
    });
  }
}
