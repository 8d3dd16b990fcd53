/**
 * Trained parameters as one file, so that quantising can be repeated without training again.
 *
 *   uint32 little-endian   length of the header in bytes
 *   header                 JSON: [{ name, shape, trained, decayed }] in storage order
 *   float32 little-endian  the values, back to back
 */
import type { Parameter, Parameters } from "./resnet8.js";
import { TrainError } from "./train-error.js";

type HeaderEntry = { readonly name: string } & Omit<Parameter, "values">;

export function serializeParameters(parameters: Parameters): Uint8Array {
  const header: HeaderEntry[] = [...parameters].map(([name, { shape, trained, decayed }]) => {
    return { name, shape, trained, decayed };
  });
  const text = new TextEncoder().encode(JSON.stringify(header));
  const count = [...parameters.values()].reduce((sum, { values }) => sum + values.length, 0);
  const bytes = new Uint8Array(4 + text.length + count * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, text.length, true);
  bytes.set(text, 4);
  let offset = 4 + text.length;
  for (const { values } of parameters.values()) {
    for (const value of values) {
      view.setFloat32(offset, value, true);
      offset += 4;
    }
  }
  return bytes;
}

/** @throws {TrainError} `bad-parameter-file` when the header or the length is wrong. */
export function parseParameters(bytes: Uint8Array): Parameters {
  const bad = (expected: string, found: string) =>
    new TrainError("bad-parameter-file", "This is not a file of trained parameters", {
      expected,
      found,
      hint: "Use a file that the training script wrote, or train again.",
    });
  if (bytes.length < 4) throw bad("at least 4 bytes", `${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerEnd = 4 + view.getUint32(0, true);
  if (headerEnd > bytes.length) throw bad(`at least ${headerEnd} bytes`, `${bytes.length}`);
  let header: HeaderEntry[];
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, headerEnd))) as HeaderEntry[];
  } catch (cause) {
    throw bad("a JSON header", String(cause));
  }
  const parameters = new Map<string, Parameter>();
  let offset = headerEnd;
  for (const { name, shape, trained, decayed } of header) {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (offset + values.byteLength > bytes.length) throw bad(`values of ${name}`, "end of file");
    for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(offset + i * 4, true);
    offset += values.byteLength;
    parameters.set(name, { shape, values, trained, decayed });
  }
  if (offset !== bytes.length) throw bad(`${offset} bytes`, `${bytes.length}`);
  return parameters;
}
