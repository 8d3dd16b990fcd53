/** The functions of bitstreams/sim/simulation.cpp, loaded through koffi. */
import koffi from "koffi";

/** A simulation is an opaque pointer; it must not be used after `close`. */
export interface RtlLibrary {
  open(base: number, bytes: number, seed: number): unknown;
  close(simulation: unknown): void;
  /** The simulation's DDR itself, not a copy. */
  memory(simulation: unknown, bytes: number): Uint8Array;
  /** Allows the overlay to touch a range; everything else answers with DECERR. */
  map(simulation: unknown, address: number, bytes: number): void;
  unmap(simulation: unknown, address: number): void;
  model(simulation: unknown, latency: number, jitter: number, busy: number, beats: number): void;
  write(simulation: unknown, offset: number, value: number): void;
  read(simulation: unknown, offset: number): number;
  /** Runs until the interrupt rises or the cycles are used up; returns the cycles run. */
  run(simulation: unknown, cycles: number): number;
  beats(simulation: unknown, port: number): number;
  violation(simulation: unknown): string;
}

const loaded = new Map<string, RtlLibrary>();

export function loadRtlLibrary(path: string): RtlLibrary {
  const known = loaded.get(path);
  if (known) return known;
  const library = koffi.load(path);
  const memory = library.func("void *sim_memory(void *simulation)");
  const functions: RtlLibrary = {
    open: library.func("void *sim_open(uint64_t base, uint64_t bytes, uint32_t seed)"),
    close: library.func("void sim_close(void *simulation)"),
    memory: (simulation, bytes) => {
      const view = koffi.view(memory(simulation), bytes) as ArrayBuffer | Uint8Array;
      return view instanceof ArrayBuffer ? new Uint8Array(view) : view;
    },
    map: library.func("void sim_map(void *simulation, uint64_t address, uint64_t bytes)"),
    unmap: library.func("void sim_unmap(void *simulation, uint64_t address)"),
    model: library.func(
      "void sim_model(void *simulation, uint32_t latency, uint32_t jitter, uint32_t busy, uint32_t beats)",
    ),
    write: library.func("void sim_write(void *simulation, uint32_t offset, uint32_t value)"),
    read: library.func("uint32_t sim_read(void *simulation, uint32_t offset)"),
    run: library.func("uint64_t sim_run(void *simulation, uint64_t cycles)"),
    beats: library.func("uint64_t sim_beats(void *simulation, uint32_t port)"),
    violation: library.func("const char *sim_violation(void *simulation)"),
  };
  loaded.set(path, functions);
  return functions;
}
