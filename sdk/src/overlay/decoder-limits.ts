/**
 * What the weight decoder of the overlay holds on the chip. A stream beyond it is refused as WEIGHT_STREAM (tables: TABLES);
 * the compiler stores such a layer, the encoder predicts no taps there.
 */
export const decoderLimits = {
  /** Kernel taps of a coded layer. */
  taps: 256,
  /** Output channels, and input channels, of a coded layer. */
  channels: 4_096,
  /** Rows of a tile that tap prediction looks back on: (kernel width + 1) * input channels. */
  predictedRows: 2_048,
  /** States of all tables of a model together. */
  states: 8_192,
} as const;
