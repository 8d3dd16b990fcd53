/** DDR as the emulated overlay sees it: byte ranges at addresses, or nothing there. */
export interface EmulatorMemory {
  /**
   * The `byteLength` bytes at `address`, or undefined when any of them is not memory the overlay may touch.
   * The view stays valid until the emulator's next slice.
   */
  span(address: number, byteLength: number): Uint8Array | undefined;
}
