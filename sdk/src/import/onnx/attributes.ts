/** Typed access to a node's attributes. */
import { type Constant, nodeError, type OnnxNode } from "./model.js";

export function integerAttribute(node: OnnxNode, name: string, fallback: number): number {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw wrongType(node, name, "an integer");
}

export function numberAttribute(node: OnnxNode, name: string, fallback: number): number {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value === "number") return value;
  throw wrongType(node, name, "a number");
}

export function stringAttribute(node: OnnxNode, name: string, fallback: string): string {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value === "string") return value;
  throw wrongType(node, name, "a string");
}

/** A list of integers; undefined when absent. `length` checks it when given. */
export function integersAttribute(
  node: OnnxNode,
  name: string,
  length?: number,
): readonly number[] | undefined {
  const value = node.attributes.get(name);
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || !value.every((item) => Number.isInteger(item))) {
    throw wrongType(node, name, "a list of integers");
  }
  if (length !== undefined && value.length !== length) throw wrongType(node, name, `${length} integers`);
  return value;
}

export function tensorAttribute(node: OnnxNode, name: string): Constant | undefined {
  const value = node.attributes.get(name);
  if (value === undefined) return undefined;
  if (typeof value === "object" && "values" in value && "dims" in value) return value as Constant;
  throw wrongType(node, name, "a tensor");
}

function wrongType(node: OnnxNode, name: string, expected: string): Error {
  return nodeError(node, "bad-attribute", `Attribute "${name}" is not what the operator needs.`, {
    expected,
    found: describe(node.attributes.get(name)),
  });
}

function describe(value: unknown): string {
  return typeof value === "object" && value !== null && "dims" in value ? "a tensor" : JSON.stringify(value);
}
