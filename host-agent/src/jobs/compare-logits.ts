/**
 * Runs every image of a data set on the board and in the reference, and compares every logit. The board works on one
 * chunk while the reference's workers work on the next, so both cores stay busy; memory holds a few chunks only.
 */

import type { CompiledModel } from "@sluice/sdk/compile";
import { outputCodes } from "@sluice/sdk/compile";
import { geometryById } from "@sluice/sdk/overlay";
import { argmax } from "@sluice/sdk/reference";
import type { BoardSession } from "./board-session.js";
import type { PreparedImage } from "./check-layers.js";
import type { ReferencePool } from "./reference-pool.js";
import type { ReferenceReply } from "./reference-worker.js";

export interface LogitMismatch {
  readonly image: number;
  readonly element: number;
  readonly expected: number;
  readonly found: number;
}

export interface LogitComparison {
  readonly images: number;
  readonly cycles: number;
  readonly correct: number;
  readonly labelled: number;
  readonly mismatch?: LogitMismatch;
  /** Stored integers of the output tensor, images back to back. */
  readonly logits: Int32Array;
  /** Of the first NAMED_IMAGES images. */
  readonly names: readonly string[];
}

const CHUNK = 100;
/** Images whose names are kept, for reports. */
export const NAMED_IMAGES = 20;

export async function compareLogits(
  session: BoardSession,
  pool: ReferencePool,
  compiled: CompiledModel,
  images: AsyncIterable<PreparedImage>,
  total: number,
  onProgress: (done: number, correct: number, labelled: number) => void,
): Promise<LogitComparison> {
  const logits: Int32Array[] = [];
  const names: string[] = [];
  const comparing: Promise<void>[] = [];
  let failure: unknown;
  let done = 0;
  let cycles = 0;
  let correct = 0;
  let labelled = 0;
  let mismatch: LogitMismatch | undefined;
  const geometry = geometryById(compiled.plan.geometry);

  const compare = async (chunk: PreparedImage[], first: number, expected: Promise<ReferenceReply>) => {
    const { outputs, cycles: spent } = await session.run(chunk.map(({ frame }) => frame));
    cycles += spent;
    const wanted = (await expected).outputs;
    const size = wanted.length / chunk.length;
    const found = new Int32Array(wanted.length);
    outputs.forEach((frame, index) => {
      const codes = outputCodes(frame, compiled.output, geometry);
      for (let element = 0; element < size; element += 1) {
        found[index * size + element] = codes[element] + compiled.output.codeOffset;
      }
      const { label } = chunk[index];
      if (label === undefined) return;
      labelled += 1;
      if (argmax(found.subarray(index * size, (index + 1) * size)) === label) correct += 1;
    });
    logits[first / CHUNK] = found;
    for (let element = 0; element < wanted.length; element += 1) {
      if (wanted[element] === found[element]) continue;
      const image = first + Math.floor(element / size);
      if (!mismatch || image < mismatch.image) {
        mismatch = { image, element: element % size, expected: wanted[element], found: found[element] };
      }
      break;
    }
    done += chunk.length;
    onProgress(done, correct, labelled);
  };

  let first = 0;
  for await (const chunk of chunksOf(images, Math.min(CHUNK, total))) {
    const size = chunk[0].stored.length;
    for (const { name } of chunk.slice(0, Math.max(0, NAMED_IMAGES - names.length))) names.push(name);
    const inputs = new Int32Array(chunk.length * size);
    chunk.forEach(({ stored }, index) => {
      inputs.set(stored, index * size);
    });
    const comparison = compare(chunk, first, pool.run(inputs, chunk.length, false));
    // Kept instead of thrown: the loop reads it before the next chunk, and nothing is left unhandled meanwhile.
    comparing.push(
      comparison.catch((error) => {
        failure ??= error;
      }),
    );
    first += CHUNK;
    if (comparing.length > pool.size + 1) await comparing.shift();
    if (failure) break;
  }
  await Promise.all(comparing);
  if (failure) throw failure;
  return { images: done, cycles, correct, labelled, mismatch, logits: concatenate(logits), names };
}

async function* chunksOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

function concatenate(parts: readonly Int32Array[]): Int32Array {
  const whole = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
