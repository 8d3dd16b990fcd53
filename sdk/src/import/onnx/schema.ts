/**
 * The part of the ONNX protobuf schema (onnx.proto, IR versions 3 to 10) that an importer needs. Fields left out are
 * skipped by the decoder; subgraphs (attribute fields 6 and 11) are left out on purpose, no supported operator has one.
 */
import protobuf from "protobufjs/light.js";

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: { id: 1, type: "int64" },
        producerName: { id: 2, type: "string" },
        graph: { id: 7, type: "GraphProto" },
        opsetImport: { id: 8, rule: "repeated", type: "OperatorSetIdProto" },
      },
    },
    OperatorSetIdProto: { fields: { domain: { id: 1, type: "string" }, version: { id: 2, type: "int64" } } },
    GraphProto: {
      fields: {
        node: { id: 1, rule: "repeated", type: "NodeProto" },
        name: { id: 2, type: "string" },
        initializer: { id: 5, rule: "repeated", type: "TensorProto" },
        input: { id: 11, rule: "repeated", type: "ValueInfoProto" },
        output: { id: 12, rule: "repeated", type: "ValueInfoProto" },
      },
    },
    NodeProto: {
      fields: {
        input: { id: 1, rule: "repeated", type: "string" },
        output: { id: 2, rule: "repeated", type: "string" },
        name: { id: 3, type: "string" },
        opType: { id: 4, type: "string" },
        attribute: { id: 5, rule: "repeated", type: "AttributeProto" },
        domain: { id: 7, type: "string" },
      },
    },
    AttributeProto: {
      fields: {
        name: { id: 1, type: "string" },
        f: { id: 2, type: "float" },
        i: { id: 3, type: "int64" },
        s: { id: 4, type: "bytes" },
        t: { id: 5, type: "TensorProto" },
        floats: { id: 7, rule: "repeated", type: "float" },
        ints: { id: 8, rule: "repeated", type: "int64" },
        type: { id: 20, type: "int32" },
      },
    },
    TensorProto: {
      fields: {
        dims: { id: 1, rule: "repeated", type: "int64" },
        dataType: { id: 2, type: "int32" },
        floatData: { id: 4, rule: "repeated", type: "float" },
        int32Data: { id: 5, rule: "repeated", type: "int32" },
        int64Data: { id: 7, rule: "repeated", type: "int64" },
        name: { id: 8, type: "string" },
        rawData: { id: 9, type: "bytes" },
        doubleData: { id: 10, rule: "repeated", type: "double" },
        uint64Data: { id: 11, rule: "repeated", type: "uint64" },
        externalData: { id: 13, rule: "repeated", type: "StringStringEntryProto" },
        dataLocation: { id: 14, type: "int32" },
      },
    },
    StringStringEntryProto: { fields: { key: { id: 1, type: "string" }, value: { id: 2, type: "string" } } },
    ValueInfoProto: { fields: { name: { id: 1, type: "string" }, type: { id: 2, type: "TypeProto" } } },
    TypeProto: { fields: { tensorType: { id: 1, type: "TensorTypeProto" } } },
    TensorTypeProto: {
      fields: { elemType: { id: 1, type: "int32" }, shape: { id: 2, type: "TensorShapeProto" } },
    },
    TensorShapeProto: { fields: { dim: { id: 1, rule: "repeated", type: "DimensionProto" } } },
    DimensionProto: { fields: { dimValue: { id: 1, type: "int64" }, dimParam: { id: 2, type: "string" } } },
  },
});

/** protobufjs hands out 64-bit integers as objects with `toNumber`. */
export type ProtoInt64 = number | { toNumber(): number };

export interface ModelProto {
  readonly irVersion: ProtoInt64;
  readonly producerName: string;
  readonly graph: GraphProto | null;
  readonly opsetImport: readonly { readonly domain: string; readonly version: ProtoInt64 }[];
}

export interface GraphProto {
  readonly node: readonly NodeProto[];
  readonly name: string;
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
}

export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name: string;
  readonly opType: string;
  readonly attribute: readonly AttributeProto[];
  readonly domain: string;
}

/** AttributeProto.AttributeType, which says which field holds the value. */
export const attributeTypes = { FLOAT: 1, INT: 2, STRING: 3, TENSOR: 4, FLOATS: 6, INTS: 7 } as const;

export interface AttributeProto {
  readonly name: string;
  readonly type: number;
  readonly f: number;
  readonly i: ProtoInt64;
  readonly s: Uint8Array;
  readonly t: TensorProto | null;
  readonly floats: readonly number[];
  readonly ints: readonly ProtoInt64[];
}

export interface TensorProto {
  readonly dims: readonly ProtoInt64[];
  readonly dataType: number;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly int64Data: readonly ProtoInt64[];
  readonly name: string;
  readonly rawData: Uint8Array;
  readonly doubleData: readonly number[];
  readonly uint64Data: readonly ProtoInt64[];
  readonly externalData: readonly { readonly key: string; readonly value: string }[];
  readonly dataLocation: number;
}

export interface ValueInfoProto {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly shape: {
        readonly dim: readonly { readonly dimValue: ProtoInt64; readonly dimParam: string }[];
      } | null;
    } | null;
  } | null;
}

/** The message type of a whole `.onnx` file; `encode` of it writes the files tests are made of. */
export const modelProto: protobuf.Type = root.lookupType("ModelProto");
