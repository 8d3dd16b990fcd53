/** What a data set hands over, before it becomes the stored integers of a model's input. */

/** A picture: 0..255, [height][width][channels] (row-major), RGB or one grey channel. */
export interface PixelImage {
  readonly kind: "pixels";
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** Integers that are already those of the input tensor, [height][width][channels]. No preprocessing applies. */
export interface StoredImage {
  readonly kind: "stored";
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly data: Int8Array | Int32Array;
}

/** Real numbers, [height][width][channels], to be quantised by the input's scale and zero point and nothing else. */
export interface RealImage {
  readonly kind: "real";
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly data: Float32Array;
}

export type InputImage = PixelImage | StoredImage | RealImage;
