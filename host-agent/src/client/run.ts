/** Runs many frames: batches travel ahead of their answers so that the board never waits for the host. */
import type { Answer, Connection } from "@sluice/board-firmware/connection";
import type { RunPlan } from "@sluice/sdk/compile";
import { ProtocolError } from "@sluice/sdk/errors.js";
import { type HelloReply, type LayerReadout, MAX_FRAMES, type RunReply, run } from "@sluice/sdk/protocol";

/** Input frames, each of the plan's `inputFrameBytes`. */
export type FrameSource = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface RunOptions {
  /** Frames of one request. Default: what half a second of the link or 1 MiB carries. */
  readonly batch?: number;
  /** Index of the first frame; the board echoes it. Default 0. */
  readonly firstIndex?: number;
  /** Called in order of the frames. The output is the caller's to keep. */
  readonly onOutput?: (index: number, output: Uint8Array) => void;
  /** Frames answered so far. */
  readonly onProgress?: (framesDone: number) => void;
  /** Reads the layer counters after each frame; forces batches of one. */
  readonly onLayers?: (readout: LayerReadout) => void;
}

export interface RunReport {
  readonly frames: number;
  /** `frames * plan.outputFrameBytes` bytes in the order of the input. */
  readonly outputs: Uint8Array;
  /** Fabric cycles over all frames. */
  readonly cycles: number;
  /** Of the last frame. */
  readonly stallWeights: number;
  readonly stallData: number;
  readonly weightBeats: number;
  /** Wall-clock time the board spent, summed over the batches. */
  readonly boardMicroseconds: number;
}

export interface RunContext {
  readonly plan: RunPlan;
  readonly limits: HelloReply["limits"];
  readonly deadlineMs: number;
  /** As they are now; both change when the link was lost and came back. */
  readonly connection: () => Connection;
  readonly model: () => number;
  /** Gets a lost link and the model back, or throws. */
  readonly recover: (error: unknown) => Promise<void>;
}

interface Batch {
  readonly indices: number[];
  readonly frames: Uint8Array;
  answer: Promise<Answer<RunReply>>;
}

/** Batches under way: one runs on the board, the others are there or on their way. */
const BATCHES_AHEAD = 3;
const BATCH_BYTES = 1024 * 1024;

export async function runFrames(
  context: RunContext,
  frames: FrameSource,
  options: RunOptions,
): Promise<RunReport> {
  const { plan } = context;
  const batchFrames = framesPerBatch(context, options);
  const ahead = Math.max(1, Math.min(BATCHES_AHEAD, context.limits.outstanding - 2));
  const outputs: Uint8Array[] = [];
  const total = { frames: 0, cycles: 0, boardMicroseconds: 0 };
  let last: RunReply | undefined;
  const underWay: Batch[] = [];

  const ask = (indices: number[], input: Uint8Array): Promise<Answer<RunReply>> => {
    const request = { model: context.model(), indices, readLayers: options.onLayers !== undefined };
    const answer = context.connection().request(run, request, {
      attachment: input,
      deadlineMs: context.deadlineMs * (underWay.length + 1),
      replyBytes: indices.length * plan.outputFrameBytes,
    });
    // Awaited in `collect`; this only keeps an early failure from being reported as unhandled.
    answer.catch(() => undefined);
    return answer;
  };

  const send = (batch: readonly Uint8Array[], first: number) => {
    const indices = batch.map((_, i) => first + i);
    const input = joined(batch);
    underWay.push({ indices, frames: input, answer: ask(indices, input) });
  };

  /** The oldest batch's answer. A batch whose answer was lost with the link runs again; it counts once. */
  const oldestAnswer = async (): Promise<Answer<RunReply>> => {
    for (;;) {
      try {
        return await underWay[0].answer;
      } catch (error) {
        await context.recover(error);
        for (const batch of underWay) batch.answer = ask(batch.indices, batch.frames);
      }
    }
  };

  const collect = async () => {
    const { body, attachment } = await oldestAnswer();
    const { indices } = underWay.shift()!;
    checkAnswer(context.connection().peer, indices, body.indices, attachment.length, plan.outputFrameBytes);
    outputs.push(attachment);
    total.frames += indices.length;
    total.cycles += body.cycles;
    total.boardMicroseconds += body.microseconds;
    last = body;
    if (options.onOutput) {
      for (const [i, index] of indices.entries()) {
        const at = i * plan.outputFrameBytes;
        options.onOutput(index, attachment.subarray(at, at + plan.outputFrameBytes));
      }
    }
    if (body.layers) options.onLayers?.(body.layers);
    options.onProgress?.(total.frames);
  };

  let next = options.firstIndex ?? 0;
  let batch: Uint8Array[] = [];
  for await (const frame of frames) {
    checkFrame(frame, plan.inputFrameBytes, next + batch.length);
    batch.push(frame);
    if (batch.length < batchFrames) continue;
    if (underWay.length >= ahead) await collect();
    send(batch, next);
    next += batch.length;
    batch = [];
  }
  if (batch.length > 0) send(batch, next);
  while (underWay.length > 0) await collect();
  const { stallWeights = 0, stallData = 0, weightBeats = 0 } = last ?? {};
  const bytes = joined(outputs);
  return { ...total, outputs: bytes, stallWeights, stallData, weightBeats };
}

function framesPerBatch({ connection, plan, limits }: RunContext, options: RunOptions): number {
  if (options.onLayers) return 1;
  const bytes = Math.min(BATCH_BYTES, limits.attachmentBytes, connection().transport.bytesPerSecond / 2);
  const wanted = options.batch ?? Math.floor(bytes / Math.max(plan.inputFrameBytes, plan.outputFrameBytes));
  const most = Math.floor(limits.attachmentBytes / Math.max(plan.inputFrameBytes, plan.outputFrameBytes));
  return Math.max(1, Math.min(wanted, most, limits.frames, MAX_FRAMES));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function checkFrame(frame: Uint8Array, expected: number, index: number): void {
  if (frame.length === expected) return;
  throw new ProtocolError("frame-bytes", "An input frame does not have the size the model reads.", {
    place: `frame ${index}`,
    expected: `${expected} bytes`,
    found: `${frame.length} bytes`,
    hint: "Lay the frames out as the package's input format says.",
  });
}

/** Every frame counts exactly once: the board must answer for the frames it was given, in their order. */
function checkAnswer(
  peer: string,
  asked: readonly number[],
  answered: readonly number[],
  bytes: number,
  outputFrameBytes: number,
): void {
  const same = asked.length === answered.length && asked.every((index, i) => answered[i] === index);
  if (same && bytes === asked.length * outputFrameBytes) return;
  throw new ProtocolError("wrong-frames", "The board answered for other frames than it was given.", {
    place: peer,
    expected: `frames ${asked[0]} to ${asked.at(-1)}, ${asked.length * outputFrameBytes} bytes`,
    found: `frames ${answered[0]} to ${answered.at(-1)}, ${bytes} bytes`,
    hint: "The board's runtime is faulty; update it.",
  });
}
