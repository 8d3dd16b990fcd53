/** Labelled or unlabelled inputs for a model, one at a time and with bounded memory. */
import type { InputImage } from "@sluice/sdk/preprocess";

export interface DatasetItem {
  /** Position in the data set, from 0. */
  readonly index: number;
  /** What errors and reports call it: a file name, or "test_batch.bin #17". */
  readonly name: string;
  readonly image: InputImage;
  /** Class index, where known. */
  readonly label?: number;
}

export interface Dataset {
  /** What reports call it, for example "cifar10:data/cifar10 (test)". */
  readonly name: string;
  /** Number of items. */
  readonly count: number;
  /** Class names in label order, where known. */
  readonly classes?: readonly string[];
  /**
   * Item `index` in 0..count-1. Reading in order is cheap; jumping may inflate a file again.
   * @throws {DatasetError} when the item is missing or damaged.
   */
  get(index: number): Promise<DatasetItem>;
}

/**
 * The first `limit` items in order.
 *
 * @example for await (const { image, label } of items(dataset, 100)) ...
 */
export async function* items(dataset: Dataset, limit = dataset.count): AsyncGenerator<DatasetItem> {
  const count = Math.min(limit, dataset.count);
  for (let index = 0; index < count; index++) yield await dataset.get(index);
}
