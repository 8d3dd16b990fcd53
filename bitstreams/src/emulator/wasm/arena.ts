/** Memory inside the kernel: handed out upwards, given back all at once. */
import type { KernelExports } from "./kernel.js";
import type { WasmMemory } from "./webassembly.js";

const PAGE_BYTES = 65_536;
const ALIGNMENT = 16;
/** Room for the packed weights of any model that fits the board; addresses stay positive in 32 bits. */
const LARGEST_BYTES = 2 ** 30;

export class Arena {
  readonly #memory: WasmMemory;
  readonly #base: number;
  #top: number;

  constructor(kernel: KernelExports) {
    this.#memory = kernel.memory;
    this.#base = Math.ceil(kernel.heapBase() / ALIGNMENT) * ALIGNMENT;
    this.#top = this.#base;
  }

  /** Address of the first byte not handed out. */
  get top(): number {
    return this.#top;
  }

  /**
   * Address of `byteLength` bytes of unknown content. Views made before may be detached afterwards.
   * @throws {RangeError} when the memory cannot grow that far
   */
  allocate(byteLength: number): number {
    const address = this.#top;
    const top = Math.ceil((address + byteLength) / ALIGNMENT) * ALIGNMENT;
    const missing = top - this.#memory.buffer.byteLength;
    if (top > LARGEST_BYTES) throw new RangeError(`The kernel's memory ends at ${LARGEST_BYTES} bytes.`);
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#top = top;
    return address;
  }

  /** Gives back everything above `top`. */
  release(top: number): void {
    this.#top = top;
  }

  bytes(address: number, byteLength: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, byteLength);
  }

  int16(address: number, length: number): Int16Array {
    return new Int16Array(this.#memory.buffer, address, length);
  }

  int32(address: number, length: number): Int32Array {
    return new Int32Array(this.#memory.buffer, address, length);
  }

  view(address: number, byteLength: number): DataView {
    return new DataView(this.#memory.buffer, address, byteLength);
  }

  /** Places values and returns their address. */
  placeInt32(values: ArrayLike<number>): number {
    const address = this.allocate(values.length * 4);
    this.int32(address, values.length).set(values);
    return address;
  }
}
