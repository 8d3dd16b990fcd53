/** Registers of the processing system by physical address, for clocks and port widths. */
import type { BoardFiles } from "./board-files.js";
import { openWindow } from "./register-window.js";

const WORD = 4;

export interface PhysicalMemory {
  /** @param address physical, a multiple of 4 */
  read(address: number): number;
  write(address: number, value: number): void;
}

/** /dev/mem, mapped for each access: these are rare, and nothing stays open. */
export class DevMem implements PhysicalMemory {
  readonly #files: BoardFiles;

  constructor(files: BoardFiles) {
    this.#files = files;
  }

  read(address: number): number {
    return this.#with(address, (window) => window.read(0));
  }

  write(address: number, value: number): void {
    this.#with(address, (window) => window.write(0, value));
  }

  #with<T>(address: number, work: (window: ReturnType<typeof openWindow>) => T): T {
    const window = openWindow(this.#files, "/dev/mem", address, WORD);
    try {
      return work(window);
    } finally {
      window.close();
    }
  }
}
