/** From an accumulator and a root of requantisation to finished engine layers, and the bindings of what they store. */
import type { TensorId } from "../graph/types.js";
import { type Accumulator, channelParameters } from "./accumulate.js";
import { type GraphIndex, isCode, refuse } from "./consumers.js";
import type { EngineLayer, EngineRequantize, Stored } from "./engine-layer.js";
import { absorbFractions, refuseFraction } from "./fractional-bias.js";
import { lookupPass, lookupRoot } from "./lower-pool.js";
import { chooseOutputs, type OutputChoice } from "./output-choice.js";
import type { CodeRoot, RequantizeRoot, TableRoot } from "./requantize-roots.js";
import type { Interval } from "./rounding.js";
import type { Storage } from "./storage.js";
import { factor, growTree, type ValueTree } from "./value-tree.js";

export interface LoweringState {
  readonly index: GraphIndex;
  readonly storage: Storage;
  readonly layers: EngineLayer[];
}

export function finishLayer(state: LoweringState, accumulator: Accumulator, root: RequantizeRoot): void {
  if (root.kind === "table") finishTableRoot(state, accumulator, root);
  else finishCodeRoot(state, accumulator, root);
}

/** Binds a tensor that is already stored (the input, a concatenation) and everything below it. */
export function bindStored(state: LoweringState, tensor: TensorId, stored: Stored): void {
  const { min, max } = stored.tensor;
  const values = Int32Array.from({ length: max - min + 1 }, (_, point) => min + point);
  const tree = growTree(state.index, [{ tensor, values }]);
  const exact = tree.demands.filter((demand) => demand.freedom === "exact" || demand.freedom === "monotone");
  const derived = exact
    .filter((demand) => factor(values, tree.values.get(demand.tensor)!, demand.freedom) === undefined)
    .map((demand) => demand.tensor);
  const bound = new Map([[tensor, stored]]);
  derive(state, tree, stored, derived, bound);
  bindDemands(state, tree, bound);
}

/** Copies a stored tensor to another place. */
export function copyStored(state: LoweringState, name: string, from: Stored, to: Stored): void {
  const accumulator = lookupPass(name, from);
  const root = lookupRoot({ stored: from }, 0);
  const requantize = tableRequantize([to], root, [root.roots[0].values]);
  const parameters = channelParameters(accumulator, 0, root.stageA);
  state.layers.push(makeLayer(accumulator, name, [to], parameters, requantize));
}

function finishTableRoot(state: LoweringState, given: Accumulator, givenRoot: TableRoot): void {
  const { index, storage, layers } = state;
  const { accumulator, root } = absorbFractions(given, givenRoot);
  const tree = growTree(index, root.roots);
  const choice = chooseOutputs(
    tree,
    (tensor) => storage.place(tensor) !== undefined,
    (tensor) => isCode(extent(tree.values.get(tensor)!)),
    2,
  );
  const bound = new Map<TensorId, Stored>();
  const parameters = channelParameters(accumulator, root.inputZeroPoint, root.stageA);
  choice.passes.forEach((tensors, pass) => {
    if (tensors.length === 0) return;
    const outputs = tensors.map((tensor) => storage.create(tensor, accumulator.shape));
    outputs.forEach((stored, at) => {
      bound.set(tensors[at], stored);
    });
    const values = tensors.map((tensor) => tree.values.get(tensor)!);
    const requantize = tableRequantize(outputs, root, values);
    layers.push(makeLayer(accumulator, passName(accumulator, pass), outputs, parameters, requantize));
  });
  finishDerived(state, tree, choice, bound);
}

/** Stages A and B: one output, and only its clamp can be changed. */
function finishCodeRoot(state: LoweringState, accumulator: Accumulator, root: CodeRoot): void {
  const { index, storage, layers } = state;
  if (accumulator.fractions !== undefined) refuseFraction(accumulator.name);
  if (!isCode(root.clamp)) {
    refuse("wide-activation", accumulator.name, "A two-stage requantisation keeps more than 8 bits.", {
      found: `${root.clamp.min}..${root.clamp.max}`,
      hint: "Quantise the activation to 8 bits.",
    });
  }
  const domain = root.clamp;
  const values = Int32Array.from({ length: domain.max - domain.min + 1 }, (_, point) => domain.min + point);
  const tree = growTree(index, [{ tensor: root.tensor, values }]);
  const direct = (tensor: TensorId) => clampOf(tree.values.get(tensor)!, domain.min) === 0;
  const choice = chooseOutputs(tree, (tensor) => storage.place(tensor) !== undefined, direct, 1);
  const bound = new Map<TensorId, Stored>();
  const parameters = channelParameters(accumulator, root.inputZeroPoint, root.stageA, root.stageB);
  for (const [tensor] of choice.passes) {
    if (tensor === undefined) continue;
    const stored = storage.create(tensor, accumulator.shape);
    bound.set(tensor, stored);
    const range = extent(tree.values.get(tensor)!);
    const requantize: EngineRequantize = {
      roundingA: root.stageA.rounding,
      roundingB: root.stageB.rounding,
      clamp: root.clampA,
      tables: [],
      outputZeroPoint: root.zeroPoint - stored.offset,
      outputMin: range.min - stored.offset,
      outputMax: range.max - stored.offset,
    };
    layers.push(makeLayer(accumulator, accumulator.name, [stored], parameters, requantize));
  }
  finishDerived(state, tree, choice, bound);
}

function finishDerived(
  state: LoweringState,
  tree: ValueTree,
  choice: OutputChoice,
  bound: Map<TensorId, Stored>,
): void {
  if (choice.base !== undefined) {
    const base = bound.get(choice.base)!;
    derive(state, tree, base, choice.derived, bound);
  }
  bindDemands(state, tree, bound);
}

/** 1x1 passes that make tensors from a stored one, two at a time. `tree` must contain the stored tensor's values. */
function derive(
  state: LoweringState,
  tree: ValueTree,
  base: Stored,
  tensors: readonly TensorId[],
  bound: Map<TensorId, Stored>,
): void {
  const baseId = [...bound].find(([, stored]) => stored === base)![0];
  for (let first = 0; first < tensors.length; first += 2) {
    const pair = tensors.slice(first, first + 2);
    const accumulator = lookupPass(state.index.producers.get(pair[0])!.name, base);
    const root = lookupRoot({ stored: base }, baseId);
    const outputs = pair.map((tensor) => state.storage.create(tensor, accumulator.shape));
    const values = pair.map((tensor) => {
      const map = factor(tree.values.get(baseId)!, tree.values.get(tensor)!, "any")!;
      return nearest(map, root.domain, base.offset);
    });
    pair.forEach((tensor, at) => {
      bound.set(tensor, outputs[at]);
    });
    const requantize = tableRequantize(outputs, root, values);
    const parameters = channelParameters(accumulator, 0, root.stageA);
    state.layers.push(makeLayer(accumulator, accumulator.name, outputs, parameters, requantize));
  }
}

/** The values a map gives over codes of a domain; codes that never occur take their neighbour's value. */
function nearest(map: ReadonlyMap<number, number>, domain: Interval, offset: number): Int32Array {
  const values = new Int32Array(domain.max - domain.min + 1);
  const known = [...map.keys()].sort((a, b) => a - b);
  let at = 0;
  for (let point = 0; point < values.length; point += 1) {
    const stored = domain.min + point + offset;
    while (at + 1 < known.length && known[at + 1] <= stored) at += 1;
    values[point] = map.get(known[at])!;
  }
  return values;
}

/** Binds every demanded tensor to a stored one that serves it. */
function bindDemands(state: LoweringState, tree: ValueTree, bound: ReadonlyMap<TensorId, Stored>): void {
  for (const { tensor, freedom } of tree.demands) {
    const own = bound.get(tensor);
    if (own !== undefined) {
      state.storage.bind(tensor, { stored: own });
      continue;
    }
    const wanted = tree.values.get(tensor)!;
    for (const [candidate, stored] of bound) {
      const map = factor(tree.values.get(candidate)!, wanted, freedom);
      if (map === undefined) continue;
      const values = nearest(map, { min: -128, max: 127 }, stored.offset);
      state.storage.bind(tensor, freedom === "exact" ? { stored } : { stored, values });
      break;
    }
  }
}

function makeLayer(
  accumulator: Accumulator,
  name: string,
  outputs: readonly Stored[],
  parameters: EngineLayer["parameters"],
  requantize: EngineRequantize,
): EngineLayer {
  const { kind, opcode, pool, inputs, window, padValue, weights, addends, macs } = accumulator;
  return {
    name,
    kind,
    opcode,
    pool,
    inputs,
    outputs,
    window,
    padValue,
    weights,
    parameters,
    requantize,
    addends,
    macs,
  };
}

function passName(accumulator: Accumulator, pass: number): string {
  return pass === 0 ? accumulator.name : `${accumulator.name} (pass ${pass + 1})`;
}

function tableRequantize(
  outputs: readonly Stored[],
  root: TableRoot,
  values: readonly Int32Array[],
): EngineRequantize {
  const codes = values.map((list, at) => list.map((value) => value - outputs[at].offset));
  codes.forEach((list, at) => {
    const { min, max } = extent(list);
    if (min >= -128 && max <= 127) return;
    const name = outputs[at].tensor.name;
    refuse("wide-activation", name, "A tensor that must be stored has more than 8 bits.", {
      expected: "-128..127 or 0..255",
      found: `${min + outputs[at].offset}..${max + outputs[at].offset}`,
      hint: "Quantise the activation to 8 bits.",
    });
  });
  const stages = { roundingA: root.stageA.rounding, roundingB: "half-up" as const };
  const delta = codes.length === 1 ? clampOf(codes[0], root.domain.min) : undefined;
  if (delta !== undefined && delta >= -128 && delta <= 127) {
    const { min, max } = extent(codes[0]);
    return { ...stages, tables: [], outputZeroPoint: delta, outputMin: min, outputMax: max };
  }
  return {
    ...stages,
    clamp: root.domain,
    tables: codes.map((list) => Int8Array.from(list)),
    outputZeroPoint: 0,
    outputMin: -128,
    outputMax: 127,
  };
}

/** d when values[i] = clamp(first + i + d, min, max) over their own extent; undefined otherwise. */
export function clampOf(values: Int32Array, first: number): number | undefined {
  const { min, max } = extent(values);
  // Inside the clamp the difference is fixed; a constant takes the difference at either end.
  const inside = values.findIndex((value) => value > min && value < max);
  const lastMin = values.lastIndexOf(min);
  const firstMax = values.indexOf(max);
  const candidates = [inside, lastMin, firstMax]
    .filter((at) => at >= 0)
    .map((at) => values[at] - (first + at));
  return candidates.find((delta) =>
    values.every((value, at) => value === Math.min(Math.max(first + at + delta, min), max)),
  );
}

function extent(values: Int32Array): Interval {
  let min = values[0];
  let max = values[0];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}
