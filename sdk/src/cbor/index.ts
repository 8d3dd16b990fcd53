export * from "./bounded-cbor.js";
