import type { DecoderLimits } from "../overlay/decoder-limits.js";

/**
 * The contract between weight codecs and the rest: what a codec is given, what it returns, what it promises.
 *
 * The engine consumes the weights of a layer in *demand order* (overlay/weight-order.ts): for each tile of
 * `outputTile` output channels, for each kernel tap, for each input channel, one weight per output channel of the
 * tile. Padding that the hardware adds to fill its arrays is not part of the sequence; both ends know where it is.
 */
export interface WeightLayout {
  readonly outputs: number;
  /** Input channels a weight row spans; 1 for depthwise. */
  readonly inputs: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  /** Output channels the engine computes together (the geometry's O). */
  readonly outputTile: number;
}

export interface LayerWeights {
  readonly name: string;
  readonly layout: WeightLayout;
  /** Demand order, outputs * inputs * kernelHeight * kernelWidth values. */
  readonly weights: Int8Array;
}

export interface EncodedWeights {
  /** Tables shared by all layers, loaded once per model; empty for codecs without any. */
  readonly tables: Uint8Array;
  /** One self-contained stream per layer, in the order given. */
  readonly streams: readonly Uint8Array[];
}

export interface EncodeOptions {
  /** Called after each layer with the fraction done, 0..1. */
  readonly onProgress?: (done: number) => void;
  /** What the decoder the streams are for holds. Default: whatever the format allows. */
  readonly limits?: DecoderLimits;
  /**
   * Tables of an earlier model to code these layers with, instead of new ones; they come back unchanged. A codec without
   * tables ignores them. Default: new tables.
   */
  readonly tables?: Uint8Array;
}

export interface WeightDecoder {
  /**
   * Decodes exactly the weights of one layer, in demand order.
   * @throws {CodecError} `truncated`, `corrupt`, `checksum-mismatch`, `trailing-bytes`; never reads past the stream.
   */
  decode(stream: Uint8Array, layout: WeightLayout): Int8Array;
}

export interface WeightCodec {
  /** The name users type: `raw`, `deflate`, ... */
  readonly name: string;
  /** The number the CONV and DEPTHWISE commands carry, 0..15; stable for ever. */
  readonly id: number;
  /** Deterministic: the same layers give the same bytes on every machine. */
  encode(layers: readonly LayerWeights[], options?: EncodeOptions): EncodedWeights;
  /**
   * `tables` are the model's, written by its main codec; a layer that fell back to a codec without tables (raw)
   * ignores them.
   * @throws {CodecError} `corrupt-tables`
   */
  openDecoder(tables: Uint8Array): WeightDecoder;
}

export function weightCount(layout: WeightLayout): number {
  return layout.outputs * layout.inputs * layout.kernelHeight * layout.kernelWidth;
}
