export * from "./cur.js";
export * from "./decompose.js";
export * from "./factors.js";
export * from "./svd.js";
export * from "./tucker.js";
