/** The part of the WebAssembly API used here: the compiler's ECMAScript libraries do not declare it. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** @param pages of 65,536 bytes */
  grow(pages: number): number;
}

export type WasmModule = object;

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: object };
  readonly CompileError: new (message?: string) => Error;
}

export const webAssembly = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;
