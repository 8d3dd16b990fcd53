/**
 * The compiler's intermediate form: what the overlay does in one compute command, before memory is assigned.
 * Lowering (lower.ts) produces it from the Graph; memory-plan.ts and emit.ts turn it into commands.
 */
import type { WeightLayout } from "../codec/types.js";
import type { Rounding, Shape, Tensor, Window } from "../graph/types.js";
import type { ChannelParameters } from "../overlay/channel-parameters.js";
import type { LayerKind } from "./types.js";

/**
 * A rectangle of activation words [height][width][words of I channels], written once per frame (a concatenation: once
 * per member). `input` comes from the input frame; `taps` too, expanded by LOAD into windows for a first layer with
 * few channels.
 */
export interface ActivationBuffer {
  readonly id: number;
  readonly name: string;
  readonly height: number;
  readonly width: number;
  /** Channels held; a whole number of words in memory. */
  readonly channels: number;
  readonly words: number;
  readonly origin: "computed" | "input" | "taps";
  /** For `taps`: the window LOAD expands, and the code it reads outside the input. */
  readonly taps?: { readonly window: Window; readonly padValue: number };
}

/** Where a graph tensor's codes lie: all or some of the channel words of a buffer. stored = code + offset. */
export interface Stored {
  readonly tensor: Tensor;
  readonly buffer: ActivationBuffer;
  /** First channel word inside the buffer (a concatenation's member), else 0. */
  readonly firstWord: number;
  /** Shape in memory; a reshape may show another one to the graph. */
  readonly shape: Shape;
  readonly offset: number;
}

export interface EngineWeights {
  readonly layout: WeightLayout;
  /** In demand order. */
  readonly values: Int8Array;
  /** Subtracted from every weight by the engine. */
  readonly zeroPoint: number;
}

/** The part of a command after the accumulator; see overlay/program.ts for the arithmetic. */
export interface EngineRequantize {
  readonly roundingA: Rounding;
  readonly roundingB: Rounding;
  readonly clamp?: { readonly min: number; readonly max: number };
  /** None, or one table per output, indexed by y - clamp.min; at most 512 entries. */
  readonly tables: readonly Int8Array[];
  readonly outputZeroPoint: number;
  readonly outputMin: number;
  readonly outputMax: number;
}

export interface EngineLayer {
  readonly name: string;
  readonly kind: LayerKind;
  readonly opcode: "CONV" | "DEPTHWISE" | "POOL" | "ADD";
  readonly pool: "max" | "average";
  readonly inputs: readonly Stored[];
  /** One or two, of equal shape. */
  readonly outputs: readonly Stored[];
  readonly window: Window;
  /** Code the window reads outside the input. */
  readonly padValue: number;
  readonly weights?: EngineWeights;
  /** CONV and DEPTHWISE: one per output channel; POOL and ADD: one. */
  readonly parameters: readonly ChannelParameters[];
  readonly requantize: EngineRequantize;
  /** ADD: two tables of 256, indexed by code + 128. */
  readonly addends?: Int32Array;
  /** Multiply-accumulates the graph's own layer has (no padding, no zero weights added). */
  readonly macs: number;
}

export const unitWindow: Window = {
  kernel: [1, 1],
  stride: [1, 1],
  dilation: [1, 1],
  padding: { top: 0, bottom: 0, left: 0, right: 0 },
};

export function outputShape(layer: EngineLayer): Shape {
  return layer.outputs[0].shape;
}
