// Replaced by the WASM kernel build.
