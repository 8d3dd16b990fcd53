export * from "./cbor.js";
export * from "./exchange.js";
export * from "./fields.js";
export * from "./frame.js";
export * from "./limits.js";
export * from "./messages/index.js";
export * from "./reliable/index.js";
export * from "./slip.js";
